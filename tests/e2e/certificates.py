"""Certificates for tests with TLS."""
import os

from harness import run


def make_certificates(folder, hosts):
    """A CA and one certificate for each name of `hosts` (name -> list of subjectAltName entries), by openssl."""
    os.makedirs(folder, exist_ok=True)
    ca, key = os.path.join(folder, "ca.pem"), os.path.join(folder, "ca.key")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run("openssl", "req", "-x509", *new_key, "-keyout", key, "-out", ca, "-days", "2", "-subj", "/CN=drover test CA")
    for name, names in hosts.items():
        base = os.path.join(folder, name)
        run("openssl", "req", *new_key, "-keyout", base + ".key", "-out", base + ".csr", "-subj", f"/CN={name}")
        with open(base + ".ext", "w") as f:
            f.write(f"subjectAltName={','.join(names)}\n")
        run("openssl", "x509", "-req", "-in", base + ".csr", "-CA", ca, "-CAkey", key, "-CAcreateserial", "-out", base + ".pem",
            "-days", "2", "-extfile", base + ".ext")
    return {name: {"cert": os.path.join(folder, name + ".pem"), "key": os.path.join(folder, name + ".key"), "ca": ca} for name in hosts}
