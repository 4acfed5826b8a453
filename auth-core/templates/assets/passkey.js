// Passkeys: the one thing that forms cannot do (WebAuthn Level 3 §5). Where there is no support, the page stays as it is
// without a script.
(() => {
  const area = document.querySelector("[data-passkey]");
  if (!area || !window.PublicKeyCredential || !navigator.credentials) {
    return;
  }
  const { passkey: kind, begin, finish, token, captcha, failed, cancelled, exists } = area.dataset;
  const creates = kind === "add" || kind === "sign-up";
  const button = area.querySelector("button");
  const message = area.querySelector("[role=alert]");
  const form = area.closest("form");
  // A challenge lives five minutes; one that waits behind a field is put anew before.
  const WAIT = 240000;
  let waiting = null;
  let busy = false;

  const decode = (text) => {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  };

  const encode = (buffer) => {
    if (!buffer) {
      return null;
    }
    let binary = "";
    for (const byte of new Uint8Array(buffer)) {
      binary += String.fromCharCode(byte);
    }
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  const credentials = (list) => (list || []).map((entry) => ({ ...entry, id: decode(entry.id) }));

  const options = (json) => {
    const parse = creates ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
    if (typeof PublicKeyCredential[parse] === "function") {
      return PublicKeyCredential[parse](json);
    }
    const own = creates
      ? {
        user: { ...json.user, id: decode(json.user.id) },
        excludeCredentials: credentials(json.excludeCredentials),
      }
      : { allowCredentials: credentials(json.allowCredentials) };
    return { ...json, ...own, challenge: decode(json.challenge) };
  };

  const answer = (credential) => {
    const { response } = credential;
    const own = creates
      ? {
        attestationObject: encode(response.attestationObject),
        transports: response.getTransports ? response.getTransports() : [],
      }
      : {
        authenticatorData: encode(response.authenticatorData),
        signature: encode(response.signature),
        userHandle: encode(response.userHandle),
      };
    return JSON.stringify({
      id: credential.id,
      rawId: encode(credential.rawId),
      type: credential.type,
      response: { clientDataJSON: encode(response.clientDataJSON), ...own },
      clientExtensionResults: credential.getClientExtensionResults(),
    });
  };

  // What the form around says, as far as a ceremony needs it; never a password.
  const needed = kind === "sign-up"
    ? ["email", "username", "name", "return_to"]
    : ["remember", "trust_device", "return_to"];
  const fields = (names) => {
    const given = new URLSearchParams();
    for (const input of form ? form.elements : []) {
      if (names.includes(input.name) && (input.type !== "checkbox" || input.checked)) {
        given.append(input.name, input.value);
      }
    }
    const name = document.getElementById("passkey_name");
    if (name) {
      given.append("name", name.value);
    }
    given.append("form_token", token);
    return given;
  };

  const post = async (url, body, signal) => {
    const headers = { Accept: "application/json" };
    const response = await fetch(url, { method: "POST", headers, body, signal });
    const said = await response.json().catch(() => ({}));
    if (!response.ok) {
      throw Object.assign(new Error(url), { detail: said.detail || failed });
    }
    return said;
  };

  const ceremony = async (mediation, signal) => {
    // The answer to a puzzle counts once.
    const begun = await post(begin, fields(captcha ? [...needed, captcha] : needed), signal);
    const request = { publicKey: options(begun.publicKey), signal };
    if (mediation) {
      request.mediation = mediation;
    }
    const container = navigator.credentials;
    const credential = await (creates ? container.create(request) : container.get(request));
    const body = fields(needed);
    body.append("ceremony", begun.ceremony);
    body.append("credential", answer(credential));
    // Sent whatever the person does meanwhile: the challenge is spent by it.
    location.assign((await post(finish, body)).next);
  };

  const tell = (error) => {
    const texts = { NotAllowedError: cancelled, AbortError: cancelled, InvalidStateError: exists };
    message.textContent = error.detail || texts[error.name] || failed;
    message.className = "alert";
  };

  const stopWaiting = () => {
    if (waiting) {
      clearTimeout(waiting.timer);
      waiting.controller.abort();
      waiting = null;
    }
  };

  // Passkeys in the list that the browser shows at the field (conditional mediation).
  const wait = async () => {
    if (busy || waiting) {
      return;
    }
    if (document.visibilityState !== "visible") {
      document.addEventListener("visibilitychange", wait, { once: true });
      return;
    }
    const again = () => {
      stopWaiting();
      wait();
    };
    const controller = new AbortController();
    const own = { controller, timer: setTimeout(again, WAIT) };
    waiting = own;
    try {
      await ceremony("conditional", controller.signal);
    } catch (error) {
      clearTimeout(own.timer);
      if (waiting === own) {
        waiting = null;
        // Only what the server says: nobody has asked for a passkey here yet.
        if (error.detail) {
          tell(error);
        }
      }
    }
  };

  const offer = () => {
    const conditional = PublicKeyCredential.isConditionalMediationAvailable;
    if (kind === "sign-in" && typeof conditional === "function") {
      conditional.call(PublicKeyCredential).then((is) => is && wait()).catch(() => {});
    }
  };

  const isFilledIn = () => [...(form ? form.elements : [])]
    .every((input) => input.type === "password" || !input.reportValidity || input.reportValidity());

  button.addEventListener("click", async () => {
    if (busy || (kind === "sign-up" && !isFilledIn())) {
      return;
    }
    busy = true;
    // One request at a time: a browser refuses the second.
    stopWaiting();
    message.textContent = "";
    message.className = "";
    button.setAttribute("aria-busy", "true");
    try {
      await ceremony();
      // On the way to the next page: a second click would begin anew.
      return;
    } catch (error) {
      tell(error);
    }
    button.removeAttribute("aria-busy");
    busy = false;
    button.focus();
    offer();
  });

  area.hidden = false;
  offer();
})();
