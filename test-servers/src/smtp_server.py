"""A mail server that keeps what it takes: each mail in a folder of its own, as it came and as Python reads it.

Its folder holds `access` with tls=(none|starttls|implicit), user= and password=, and while it runs, if they exist:
`refusal`, the reply to every recipient.
"""

import asyncio
import email
import email.policy
import itertools
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keep:
    def __init__(self, folder, access):
        self.folder = folder
        self.access = access
        self.numbers = itertools.count(1)

    async def handle_RCPT(self, server, session, envelope, address, options):
        try:
            with open(os.path.join(self.folder, "refusal")) as refusal:
                return refusal.read().strip()
        except FileNotFoundError:
            envelope.rcpt_tos.append(address)
            return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        number = next(self.numbers)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: message.get_body(preferencelist=(kind,))
        files = {
            "raw": envelope.content,
            "from": envelope.mail_from,
            "to": "\n".join(envelope.rcpt_tos),
            "connection": "%s:%s" % session.peer[:2],
            "tls": "yes" if server.transport.get_extra_info("ssl_object") else "no",
            "login": "yes" if session.authenticated else "no",
            "hello": session.host_name,
            "headers": "\n".join("%s: %s" % header for header in message.items()),
            "defects": "\n".join(repr(defect) for defect in message.defects),
            "text": part("plain").get_content() if part("plain") else "",
            "html": part("html").get_content() if part("html") else "",
        }
        incomplete = os.path.join(self.folder, "incomplete-%d" % number)
        os.mkdir(incomplete)
        for name, content in files.items():
            content = content if isinstance(content, bytes) else content.encode()
            with open(os.path.join(incomplete, name), "wb") as file:
                file.write(content)
        os.rename(incomplete, os.path.join(self.folder, "mail-%06d-%d" % (number, os.getpid())))
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        wanted = (self.access["user"].encode(), self.access["password"].encode())
        right = (data.login, data.password) == wanted
        return AuthResult(success=right, handled=right)


async def serve(folder, port):
    with open(os.path.join(folder, "access")) as file:
        access = dict(line.rstrip("\n").split("=", 1) for line in file)
    keep = Keep(folder, access)
    tls = access["tls"]
    context = None
    if tls != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*(os.path.join(folder, name) for name in ("server.pem", "server.key")))
    options = {"hostname": "localhost"}
    if tls == "starttls":
        options.update(tls_context=context, require_starttls=True)
    if access["user"]:
        options.update(
            authenticator=keep.authenticate,
            auth_required=True,
            auth_require_tls=tls == "starttls",
        )
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keep, **options), "127.0.0.1", port, ssl=context if tls == "implicit" else None
    )
    print("ready to take mail", flush=True)
    await server.serve_forever()


try:
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
except OSError as error:
    sys.exit(str(error))
