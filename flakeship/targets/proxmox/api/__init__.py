"""Calls of Proxmox VE's API: a small client on urllib3.

No client library fits. proxmoxer has no pinned fingerprints, no types, no time limits and drops the
method and the path of a refused call. requests and httpx would take another trust than the plugin,
certifi's, and a password of ~/.netrc in the place of the token, or cannot pin a certificate.
urllib3 pins fingerprints itself and takes our TLS context.
"""
