"""As zombies, over TLS, without close_notify."""

from attacks.zombies import OPTIONS, attack

TLS = True
__all__ = ["OPTIONS", "TLS", "attack"]
