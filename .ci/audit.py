"""Asks pip-audit about the pinned packages; where it cannot know, says so and passes.

`audit.py PYTHON PINS`: PYTHON is of an environment that pip-audit may be installed into.
"""

from __future__ import annotations

import json
import subprocess
import sys

INSTALL_S = 300
AUDIT_S = 300


def main() -> int:
    """0: nothing known, or left out with a reason; 1: vulnerabilities."""
    python, pins = sys.argv[1:]
    install = [python, "-m", "pip", "install", "--disable-pip-version-check", "-q", "pip-audit"]
    audit = [python, "-m", "pip_audit", "--requirement", pins, "--format", "json"]
    try:
        installed = subprocess.run(install, capture_output=True, timeout=INSTALL_S, check=False)
        if installed.returncode:
            return left_out("pip-audit cannot be installed here")
        audit += ["--disable-pip", "--no-deps", "--progress-spinner", "off"]
        done = subprocess.run(audit, capture_output=True, text=True, timeout=AUDIT_S, check=False)
    except subprocess.TimeoutExpired:
        return left_out("pip-audit did not end in time")
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip() or "no answer").splitlines()[-1]
        return left_out(f"pip-audit cannot reach its database ({last[:200]})")
    known = [package for package in packages if "vulns" in package]
    bad = [package for package in known if package["vulns"]]
    for package in bad:
        ids = ", ".join(found["id"] for found in package["vulns"])
        sys.stdout.write(f"{package['name']} {package['version']}: {ids}\n")
    sys.stdout.write(f"{len(known)} of {len(packages)} packages looked up, {len(bad)} vulnerable\n")
    if not known:
        return left_out("the database that can be reached here knows none of the packages")
    return 1 if bad else 0


def left_out(reason: str) -> int:
    """Nothing was found because nothing was looked at."""
    sys.stdout.write(f"LEFT OUT: {reason}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
