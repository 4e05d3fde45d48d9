"""Emulated clouds that speak the real clouds' wire protocols on loopback ports of this machine."""
