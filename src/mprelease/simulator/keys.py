"""RSA keys in the formats of the vendors."""

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)


def make_key(bits: int = 2048) -> str:
    """Return a new private key: RSA, PKCS#8, PEM."""
    key = generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode("ascii")


def public_half(pem: str) -> RSAPublicKey:
    """Return the public key of either half of an RSA key in PEM; raise ValueError otherwise."""
    encoded = pem.encode("utf-8")
    if "PRIVATE KEY" in pem:
        private = load_pem_private_key(encoded, password=None)
        if isinstance(private, RSAPrivateKey):
            return private.public_key()
    public = load_pem_public_key(encoded)
    if isinstance(public, RSAPublicKey):
        return public
    raise ValueError("The key is not an RSA key.")
