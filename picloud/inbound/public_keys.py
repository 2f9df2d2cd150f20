"""Signatures by a provider's private key, verified with its public key by `cryptography` (docs/adr/0021)."""

import base64
import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

_ARMOUR = re.compile(r"-----(BEGIN|END) [A-Z ]+-----")
_RSA_BITS_MAX = 8192
HASHES: dict[str, hashes.HashAlgorithm] = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}  # noqa: S303
"""SHA-1 is what older Postal and SNS sign with: a forger would need a second preimage, not a collision."""


def read_key(given: str) -> str:
    """A public key (SubjectPublicKeyInfo) as base64 on one line. Raises ValueError. PEM or base64 is taken, and what DNS
    shows: `v=DKIM1; … p=<base64>`."""
    text = given.partition("p=")[2].partition(";")[0] if "p=" in given else given
    bare = re.sub(r"\s|\\n", "", _ARMOUR.sub("", text))
    _load(bare)
    return bare


def rsa_signed(key: str, signature: bytes, signed: bytes, digest: str) -> bool:
    """RSASSA-PKCS1-v1_5. A key that is none signs nothing."""
    loaded = _loaded(key)
    return isinstance(loaded, rsa.RSAPublicKey) and _rsa(loaded, signature, signed, digest)


def ecdsa_signed(key: str, signature: bytes, signed: bytes) -> bool:
    """ECDSA with SHA-256; the signature is DER."""
    loaded = _loaded(key)
    if not isinstance(loaded, ec.EllipticCurvePublicKey):
        return False
    try:
        loaded.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def certificate_signed(pem: bytes, signature: bytes, signed: bytes, digest: str) -> bool:
    """RSASSA-PKCS1-v1_5 by the key of a certificate, whose own trust is the caller's to know."""
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, rsa.RSAPublicKey) and _rsa(key, signature, signed, digest)


def from_base64(text: str) -> bytes:
    """Strict; empty where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _rsa(key: rsa.RSAPublicKey, signature: bytes, signed: bytes, digest: str) -> bool:
    try:
        key.verify(signature, signed, padding.PKCS1v15(), HASHES[digest])
    except InvalidSignature:
        return False
    return True


def _loaded(key: str) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None:
    try:
        return _load(key)
    except ValueError:
        return None


def _load(key: str) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    try:
        loaded = serialization.load_der_public_key(base64.b64decode(key, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("has to be the provider's public key, in PEM or base64") from None
    if isinstance(loaded, ec.EllipticCurvePublicKey):
        return loaded
    if isinstance(loaded, rsa.RSAPublicKey) and 1024 <= loaded.key_size <= _RSA_BITS_MAX:
        return loaded
    raise ValueError(f"has to be an ECDSA key, or an RSA key of 1024 to {_RSA_BITS_MAX} bits")
