"""Authlib, the Python client, against the running example host. Started by authlib.test.mjs; ends with 0 if all holds."""

import base64
import html
import json
import os
import re
import sys
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
AUTH_METHOD = os.environ["AUTH_METHOD"]
REDIRECT_URI = os.environ["REDIRECT_URI"]
EMAIL = os.environ["EMAIL"]
PASSWORD = os.environ["PASSWORD"]
TIMEOUT = 20


def attribute(tag, name):
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return html.unescape(found.group(1)) if found else None


def submit(browser, page, button, **typed):
    """Submits the form that has the button, as a browser would."""
    forms = re.findall(r"<form\b.*?</form>", page.text, re.S)
    form = next((form for form in forms if f'id="{button}"' in form), None)
    assert form, f"no form has #{button}:\n{page.text}"
    fields = {}
    for tag in re.findall(r"<(?:input|button)\b[^>]*>", form):
        name = attribute(tag, "name")
        is_button = tag.startswith("<button")
        if name and attribute(tag, "type") != "checkbox" and (not is_button or attribute(tag, "id") == button):
            fields[name] = attribute(tag, "value") or ""
    fields.update(typed)
    url = urljoin(page.url, attribute(form, "action"))
    return browser.post(url, data=fields, allow_redirects=False, timeout=TIMEOUT)


def authorize(url):
    """A person signs in and allows; the URL at which the browser would reach the client."""
    browser = requests.Session()
    browser.headers["Accept"] = "text/html"
    page = browser.get(url, allow_redirects=False, timeout=TIMEOUT)
    for _ in range(12):
        if page.is_redirect:
            target = urljoin(page.url, page.headers["Location"])
            if not target.startswith(ISSUER + "/"):
                return target
            page = browser.get(target, allow_redirects=False, timeout=TIMEOUT)
        elif 'id="allow"' in page.text:
            page = submit(browser, page, "allow")
        elif 'id="password"' in page.text:
            page = submit(browser, page, "submit", email=EMAIL, password=PASSWORD)
        else:
            break
    raise AssertionError(f"stuck at {page.status_code} {page.url}\n{page.text}")


def claims_of(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def main():
    metadata = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=TIMEOUT).json()
    assert metadata["issuer"] == ISSUER
    client = OAuth2Session(
        CLIENT_ID,
        CLIENT_SECRET,
        scope="openid profile email offline_access",
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        token_endpoint_auth_method=AUTH_METHOD,
        revocation_endpoint_auth_method=AUTH_METHOD,
    )
    client.default_timeout = TIMEOUT

    verifier, nonce = generate_token(64), generate_token(20)
    url, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    arrived = authorize(url)
    answer = parse_qs(urlsplit(arrived).query)
    assert answer["iss"] == [ISSUER], answer
    token = client.fetch_token(
        metadata["token_endpoint"], authorization_response=arrived, state=state, code_verifier=verifier
    )
    assert token["token_type"].lower() == "bearer"
    verify_id_token(token["id_token"], metadata, nonce)
    subject = claims_of(token["id_token"])["sub"]

    userinfo = client.get(metadata["userinfo_endpoint"], timeout=TIMEOUT)
    userinfo.raise_for_status()
    assert userinfo.json()["sub"] == subject
    assert userinfo.json()["email"] == EMAIL

    first = token["refresh_token"]
    renewed = client.refresh_token(metadata["token_endpoint"], refresh_token=first)
    assert renewed["refresh_token"] != first, "refresh tokens rotate"

    told = client.introspect_token(
        metadata["introspection_endpoint"], token=renewed["access_token"], token_type_hint="access_token"
    ).json()
    assert told["active"] is True and told["sub"] == subject, told

    answer = client.revoke_token(
        metadata["revocation_endpoint"], token=renewed["refresh_token"], token_type_hint="refresh_token"
    )
    assert answer.status_code == 200, answer.text
    told = client.introspect_token(metadata["introspection_endpoint"], token=renewed["refresh_token"]).json()
    assert told == {"active": False}, told
    try:
        client.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"])
    except OAuthError as error:
        assert error.error == "invalid_grant", error
    else:
        raise AssertionError("a revoked refresh token was accepted")
    print("Authlib: all holds")


def verify_id_token(id_token, metadata, nonce):
    """Signature and claims, with the JOSE library that Authlib brings."""
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.jwk import KeySet

    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=TIMEOUT).json())
    token = jwt.decode(id_token, keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={"iss": {"value": ISSUER}, "aud": {"value": CLIENT_ID}},
        params={"nonce": nonce, "client_id": CLIENT_ID},
    )
    claims.validate(leeway=5)


if __name__ == "__main__":
    sys.exit(main())
