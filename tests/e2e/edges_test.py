#!/usr/bin/env python3
"""Two load balancers for one service: what is done to one of them is mended, and a replica waits for both."""
import os
import signal
import socket
import time
import unittest
import urllib.request

from harness import NGINX, Cluster, E2eTest, Process, Requests, example_images, free_port, main, wait


class EdgesTest(E2eTest):
    def start(self, c, replicas, second="haproxy"):
        """host1 with the replicas and a HAProxy; edge2 with a balancer only, on another address."""
        c.start(redis=False)
        c.start_agent("edge2", edge=second, bind="127.0.0.2", docker={"socket": os.path.join(c.dir, "no-engine")})
        service = c.web()
        service["ports"] = [{"target": 8000, "published": str(c.web_port), "app_protocol": "http"}]
        del service["deploy"]["x-autoscale"]
        service["deploy"]["replicas"] = replicas
        c.up({"web": service})
        wait("both answer", lambda: c.ask_web() and self.ask_second(c))

    def ask_second(self, c):
        """One request; OSError when nothing answers it."""
        with urllib.request.urlopen(f"http://127.0.0.2:{c.web_port}/healthz", timeout=2) as answer:
            return answer.status == 200

    def at_second(self, c, command):
        """A command at the second balancer, past its agent; what it answers."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(2)
            s.connect(os.path.join(c.dir, "edge2", "haproxy", "stats.sock"))
            s.sendall(command.encode() + b"\n")
            answer = b""
            while piece := s.recv(65536):
                answer += piece
            return answer.decode()

    def in_rotation(self, c):
        """name -> address:port of the second balancer's servers that take requests."""
        rows = [r.split() for r in self.at_second(c, f"show servers state {c.stack}.web.8000").splitlines()]
        title = next(r for r in rows if r[:1] == ["#"])[1:]
        rows = [dict(zip(title, r)) for r in rows if len(r) == len(title)]
        return {r["srv_name"]: f"{r['srv_addr']}:{r['srv_port']}" for r in rows if int(r["srv_admin_state"]) & ~4 == 0}

    def haproxy_of_second(self, c):
        folder = os.path.join(c.dir, "edge2").encode()
        return [p for p in c.balancer_pids("haproxy") if folder in c.command_line(p)]

    def stays(self, c, count, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertEqual(count, len(c.containers("web")), "stopped before both balancers had let it go")
            time.sleep(0.2)

    def test_what_a_hand_or_a_kill_does_to_one_of_two_is_mended(self):
        with Cluster("edges") as c:
            self.start(c, 2)
            right = sorted(self.in_rotation(c).values())
            self.assertEqual(2, len(right))
            load = c.http_load("/", 50, 60)
            mended = lambda: sorted(self.in_rotation(c).values()) == right
            server = next(iter(self.in_rotation(c)))
            backend = f"{c.stack}.web.8000/{server}"
            for command in (f"set server {backend} state maint", f"set server {backend} addr 127.0.0.1 port 9"):
                self.at_second(c, command)
                wait(f"mended after `{command}`", mended, 2, 0.02)
            old = self.haproxy_of_second(c)
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            wait("another HAProxy", lambda: self.haproxy_of_second(c) and not set(self.haproxy_of_second(c)) & set(old), 2, 0.02)
            wait("it has both replicas", mended, 2, 0.02)
            self.assertEqual(0, load.stop()["failed"])  # through the other one

    @unittest.skipUnless(NGINX, "nginx is not installed")
    def test_haproxy_and_nginx_side_by_side(self):
        with Cluster("mixed") as c:
            self.start(c, 2, second="nginx")
            load = c.http_load("/", 50, 90)
            for count in (4, 1, 3):
                c.drover("scale", f"{c.stack}/web={count}")
                c.wait_service("web", 60, ready=count, draining=0)
                for _ in range(20):
                    self.assertTrue(self.ask_second(c))
            for pid in c.balancer_pids("nginx"):
                os.kill(pid, signal.SIGKILL)
            wait("nginx is back", lambda: self.ask_second(c), 2, 0.02)
            self.assertEqual(0, load.stop()["failed"])  # through HAProxy

    def test_a_replica_waits_for_the_balancer_that_hangs_or_cannot_be_reached(self):
        """R6.1, R6.3"""
        with Cluster("hangs") as c:
            self.start(c, 3)
            hanging = self.haproxy_of_second(c)
            for pid in hanging:
                os.kill(pid, signal.SIGSTOP)
            try:
                c.drover("scale", f"{c.stack}/web=2")
                wait("one is told to leave", lambda: c.service("web")["draining"] == 1)
                self.stays(c, 3, 3)
            finally:
                for pid in hanging:
                    os.kill(pid, signal.SIGCONT)
            c.wait_service("web", 10, ready=2, draining=0)
            self.assertEqual(2, len(self.in_rotation(c)))
            second = c.agents[1].process
            second.kill9()
            c.drover("scale", f"{c.stack}/web=1")
            self.stays(c, 2, 3)
            second.start()
            c.wait_service("web", 15, ready=1, draining=0)
            self.assertEqual(1, len(self.in_rotation(c)))

    def test_the_snippet_makes_a_haproxy_of_ones_own_pass_the_check(self):
        with Cluster("attach") as c:
            folder = os.path.join(c.dir, "own")
            os.makedirs(folder)
            file, port = os.path.join(folder, "haproxy.cfg"), free_port()
            own = Process("own", ["haproxy", "-f", file], os.path.join(folder, "log"))
            c.processes.append(own)
            base = (f"global\n  stats socket {folder}/admin.sock mode 600 level admin\n"
                    "defaults\n  mode http\n  timeout connect 1s\n  timeout client 30s\n  timeout server 30s\n")
            with open(file, "w") as f:
                f.write(base)
            own.start()
            example_images()
            c.start_controller()
            c.start_agent(edge={"haproxy": {"socket": f"{folder}/admin.sock"}})
            service = c.web_at_zero()
            service["ports"] = ["8000"]
            service["deploy"]["x-edge"] = [{"attach": "farm", "target": 8000, "app_protocol": "http"}]
            c.up({"web": service}, wait_for=False)
            failed = wait("the agent knows it", lambda: "has no backend farm" in (d := c.drover("edge", "check", "web", check=False)).stdout and d)
            self.assertEqual(1, failed.returncode, failed)
            snippet = c.drover("edge", "snippet", "web").stdout
            self.assertIn("lua-load-per-thread", snippet)
            log = "".join(line[1:] + "\n" for line in snippet.splitlines() if line.startswith("#   "))
            self.assertIn("option httplog", log)
            with open(file, "w") as f:
                f.write(base + f"frontend f\n  bind 127.0.0.1:{port}\n{log}  default_backend farm\n" + snippet)
            own.stop()
            own.start()
            done = wait("every line is there", lambda: (d := c.drover("edge", "check", check=False)).returncode == 0 and d)
            results = {line.split()[4]: line.split()[5] for line in done.stdout.splitlines()[1:]}
            self.assertEqual("unknown", results.pop("log"), done.stdout)  # nobody asked yet
            self.assertEqual({"ok"}, set(results.values()), done.stdout)
            self.assertEqual([], Requests(port, 5).join().failed)  # they wait at zero
            wait("the log line is heard", lambda: "unknown" not in c.drover("edge", "check").stdout)


if __name__ == "__main__":
    main()
