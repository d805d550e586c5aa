"""A mail server that keeps what it takes as files, and whose recipients behave by their names.

    server.py FOLDER      prints DATAPULSE_TEST_SMTP=JSON, and ends with its standard input

greylisted*@   451 the first time, taken afterwards
unknown*@      550
content-later* 451 after the content; content-no*: 554 after the content
drop*          takes the content, keeps it, and hangs up without an answer
anything else  taken
"""

import datetime
import ipaddress
import json
import pathlib
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USER, PASSWORD = b"datapulse", b"between us"
FOLDER = pathlib.Path(sys.argv[1])
MAILS = FOLDER / "mails"


class Handler:
    """What the server does with a sender's words."""

    def __init__(self):
        self.put_off = set()
        self.kept = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name.startswith("unknown"):
            return "550 5.1.1 no such mailbox"
        if name.startswith("greylisted") and address not in self.put_off:
            self.put_off.add(address)
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        names = [address.split("@")[0] for address in envelope.rcpt_tos]
        begins = lambda word: any(name.startswith(word) for name in names)
        if begins("content-later"):
            return "451 4.3.0 try again"
        if begins("content-no"):
            return "554 5.7.1 not wanted"
        self.keep(session, envelope)
        if begins("drop"):
            server.transport.abort()
        return "250 OK"

    def keep(self, session, envelope):
        self.kept += 1
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "hello": session.host_name,
            "login": bool(session.authenticated),
            "tls": session.ssl is not None,
            "content": envelope.content.decode("ascii"),
        }
        path = MAILS / f"{self.kept:06}.json"
        path.with_suffix(".new").write_text(json.dumps(kept))
        path.with_suffix(".new").rename(path)


def authority():
    """A certificate authority, and the server's certificate by it: paths of PEM files."""
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)

    def certificate(name, key, issuer, issuer_key, extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + 30 * day)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer_key, hashes.SHA256())

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("mail test authority", root_key, "mail test authority", root_key, [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False),
    ])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = certificate("localhost", key, "mail test authority", root_key, [
        (x509.SubjectAlternativeName(names), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False),
    ])
    pem = serialization.Encoding.PEM
    (FOLDER / "ca.pem").write_bytes(root.public_bytes(pem))
    (FOLDER / "server.pem").write_bytes(leaf.public_bytes(pem))
    (FOLDER / "server.key").write_bytes(key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def login(server, session, envelope, mechanism, data):
    known = data.login == USER and data.password == PASSWORD
    return AuthResult(success=known, handled=known)


class Server(Controller):
    """On a free port of loopback, with whatever SMTP takes."""

    def __init__(self, handler, encrypted=None, **words):
        self.words = words
        super().__init__(handler, hostname="127.0.0.1", port=0, ssl_context=encrypted)

    def factory(self):
        return SMTP(self.handler, enable_SMTPUTF8=False, hostname="mail.test", **self.words)

    def _trigger_server(self):
        # The port is known only now, and is connected to so that the server begins.
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def main():
    MAILS.mkdir()
    authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "server.pem", FOLDER / "server.key")
    handler = Handler()
    asks = {"authenticator": login, "auth_required": True}
    servers = {
        "clear": Server(handler),
        "starttls": Server(handler, tls_context=context, require_starttls=True, **asks),
        "implicit": Server(handler, context, auth_require_tls=False, **asks),
    }
    for server in servers.values():
        server.start()
    said = {name: server.port for name, server in servers.items()}
    said |= {"authority": str(FOLDER / "ca.pem"), "mails": str(MAILS)}
    print(f"DATAPULSE_TEST_SMTP={json.dumps(said)}", flush=True)
    sys.stdin.read()
    for server in servers.values():
        server.stop()


main()
