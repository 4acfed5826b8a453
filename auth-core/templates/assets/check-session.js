// OpenID Connect Session Management 1.0 §3.2. The cookie is read anew each time: its change is what is asked after.
const name = document.currentScript.dataset.cookie + "=";

const state = () => {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(name));
  return found ? found.slice(name.length) : "";
};

const digest = async (text) => {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
};

const judge = async (message, origin) => {
  const parts = typeof message === "string" ? message.split(" ") : [];
  const [hash, salt] = parts.length === 2 ? parts[1].split(".") : [];
  if (!parts[0] || !hash || !salt) {
    return "error";
  }
  const present = state();
  const same = present && hash === await digest([parts[0], origin, present, salt].join(" "));
  return same ? "unchanged" : "changed";
};

addEventListener("message", async (event) => {
  // No answer to ourselves, nor to whom it could not be addressed.
  if (event.source && event.source !== window && event.origin !== "null") {
    event.source.postMessage(await judge(event.data, event.origin), event.origin);
  }
});
