#!/usr/bin/env python3
"""deploy/keepalived: keepalived accepts the configuration, and its check tells a balancer that listens from none."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "keepalived"))
CHECK = os.path.join(FOLDER, "check-edge.sh")
KEEPALIVED = shutil.which("keepalived", path=os.environ.get("PATH", "") + ":/usr/sbin")


class KeepalivedTest(unittest.TestCase):
    def interface(self):
        """One of this host's; keepalived refuses the loopback."""
        names = sorted(name for name in os.listdir("/sys/class/net") if os.path.exists(f"/sys/class/net/{name}/address") and name != "lo")
        if not names:
            self.skipTest("there is no network interface but the loopback")
        return names[0]

    def complaints(self, text):
        """What `keepalived --config-test` says of a configuration; empty: fine."""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            shutil.copy(CHECK, folder)
            file = os.path.join(folder, "keepalived.conf")
            with open(file, "w") as f:
                # Of this host: an interface that there is, and the script where it lies.
                f.write(text.replace("interface eth0", f"interface {self.interface()}").replace("/etc/keepalived/", folder + "/"))
            done = subprocess.run([KEEPALIVED, "--config-test", "--use-file", file], capture_output=True, text=True, timeout=30)
            return "" if done.returncode == 0 else done.stdout + done.stderr

    def test_keepalived_accepts_the_configuration(self):
        with open(os.path.join(FOLDER, "keepalived.conf")) as f:
            text = f.read()
        self.assertEqual("", self.complaints(text))
        self.assertNotEqual("", self.complaints(text.replace("virtual_router_id 71", "virtual_router_id 710")))

    def test_the_check_needs_a_listener_and_sends_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            self.assertEqual(0, subprocess.run([CHECK, port], check=False).returncode)
            with listener.accept()[0] as client:
                self.assertEqual(b"", client.recv(10))
        self.assertNotEqual(0, subprocess.run([CHECK, port], check=False).returncode)


if __name__ == "__main__":
    if not KEEPALIVED:
        print("keepalived is not installed")
        sys.exit(77)
    unittest.main()
