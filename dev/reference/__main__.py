"""`python -m dev.reference`: writes the generated pages of docs/reference/."""

from __future__ import annotations

from dev.reference.pages import write

if __name__ == "__main__":
    for page in write():
        print(f"written: {page}")
