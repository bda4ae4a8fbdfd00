"""Judges files that are named by numbers from 0 on: root in PEM, moment in seconds since 1970, folder."""

import datetime
import hashlib
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store

# Object identifiers, in DER.
SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")
DIGESTS = {
    bytes.fromhex("608648016503040201"): ("sha256", hashes.SHA256()),
    bytes.fromhex("608648016503040202"): ("sha384", hashes.SHA384()),
    bytes.fromhex("608648016503040203"): ("sha512", hashes.SHA512()),
}
SIGNATURES = {
    "sha256": {bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a8648ce3d040302")},
    "sha384": {bytes.fromhex("2a864886f70d01010c"), bytes.fromhex("2a8648ce3d040303")},
    "sha512": {bytes.fromhex("2a864886f70d01010d"), bytes.fromhex("2a8648ce3d040304")},
}


class Refused(Exception):
    """Why a file is not good."""


def require(holds, problem):
    if not holds:
        raise Refused(problem)


class Element:
    """One DER element: its tag, its contents, and the whole of it."""

    def __init__(self, der, start):
        require(start + 2 <= len(der), "the structure ends early")
        self.tag, length, header = der[start], der[start + 1], 2
        if length >= 0x80:
            octets = der[start + 2 : start + 2 + length - 0x80]
            require(0 < len(octets) <= 4 and octets[0] != 0, "a length is not DER")
            length, header = int.from_bytes(octets, "big"), 2 + len(octets)
            require(length >= 0x80, "a length is not DER")
        self.end = start + header + length
        require(self.end <= len(der), "the structure ends early")
        self.whole, self.contents = der[start : self.end], der[start + header : self.end]

    def children(self):
        found, place = [], 0
        while place < len(self.contents):
            found.append(Element(self.contents, place))
            place = found[-1].end
        return found


class SignedData:
    """RFC 5652, section 5: as much of it as a signature with attributes and one signer needs."""

    def __init__(self, der):
        info = Element(der, 0)
        require(info.end == len(der), "bytes after the structure")
        kind, wrapped = info.children()
        require(kind.contents == SIGNED_DATA, "not SignedData")
        parts = wrapped.children()[0].children()
        self.content_type, explicit = parts[2].children()
        self.content = explicit.children()[0].contents
        certificates = [part for part in parts[3:-1] if part.tag == 0xA0]
        self.certificates = [x509.load_der_x509_certificate(it.whole) for it in certificates[0].children()]
        (signer,) = parts[-1].children()
        _, self.identifier, digest, self.attributes, algorithm, signature = signer.children()
        self.digest = DIGESTS[digest.children()[0].contents]
        self.algorithm = algorithm.children()[0].contents
        self.signature = signature.contents

    def leaf(self):
        """The certificate that issuer and serial number name."""
        issuer, serial = self.identifier.children()
        serial = int.from_bytes(serial.contents, "big", signed=True)
        matching = [
            it
            for it in self.certificates
            if it.serial_number == serial and it.issuer.public_bytes() == issuer.whole
        ]
        require(len(matching) == 1, "not one certificate of the signer")
        return matching[0]

    def attribute(self, kind):
        values = [it.children()[1].children() for it in self.attributes.children() if it.children()[0].contents == kind]
        require(len(values) == 1 and len(values[0]) == 1, "not one value of an attribute")
        return values[0][0].contents

    def check_digest(self):
        name, _ = self.digest
        require(self.attribute(CONTENT_TYPE) == self.content_type.contents, "contentType does not match")
        require(self.attribute(MESSAGE_DIGEST) == hashlib.new(name, self.content).digest(), "messageDigest does not match")

    def check_signature(self, key):
        """Over the attributes as a SET OF, not as the [0] that they are written as."""
        signed, (name, digest) = b"\x31" + self.attributes.whole[1:], self.digest
        if isinstance(key, rsa.RSAPublicKey):
            require(self.algorithm in SIGNATURES[name] | {RSA_ENCRYPTION}, "the algorithms do not fit")
            key.verify(self.signature, signed, padding.PKCS1v15(), digest)
        else:
            require(self.algorithm in SIGNATURES[name], "the algorithms do not fit")
            key.verify(self.signature, signed, ec.ECDSA(digest))


def check_path(leaf, certificates, root, at):
    authorities, leaves = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.permit_all()
    policy = PolicyBuilder().store(Store([root])).time(at)
    policy = policy.extension_policies(ca_policy=authorities, ee_policy=leaves)
    policy.build_client_verifier().verify(leaf, [it for it in certificates if it != leaf])


def judge(file, root, at):
    try:
        signed = SignedData(file.read_bytes())
        leaf = signed.leaf()
        signed.check_digest()
        signed.check_signature(leaf.public_key())
        check_path(leaf, signed.certificates, root, at)
    except Exception as problem:
        words = f"{type(problem).__name__}: {problem}"
        return "refused\t" + " ".join(words.split())
    file.with_suffix(".content").write_bytes(signed.content)
    return "accepted\tgood"


def main(root, at, folder):
    root = x509.load_pem_x509_certificate(pathlib.Path(root).read_bytes())
    at = datetime.datetime.fromtimestamp(int(at), datetime.timezone.utc)
    number = 0
    while (file := pathlib.Path(folder, str(number))).exists():
        print(number, judge(file, root, at), sep="\t")
        number += 1


main(*sys.argv[1:])
