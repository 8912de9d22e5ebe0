#!/usr/bin/env python3
"""Point 8: every fault of input or surroundings has a clear message and an exit code, and the service goes on."""
import os
import signal
import socket

from harness import BIN, Cluster, E2eTest, Lab, example_images, main, run, wait

GOOD = "services:\n  web:\n    image: drover/example-web:1\n    pull_policy: never\n"

# Compose file, what the message must name.
BAD_FILES = {
    "broken YAML": ("services:\n  web: [\n", ["compose.yaml:"]),
    "unknown key": (GOOD + "    imagge: x\n", ["compose.yaml:5", "imagge"]),
    "unknown key in x-autoscale": (GOOD + "    deploy: {x-autoscale: {max: 3, signals: [{cpu: 60%}], maxx: 4}}\n", ["compose.yaml:5", "maxx"]),
    "min above max": (GOOD + "    deploy: {x-autoscale: {min: 5, max: 3, signals: [{cpu: 60%}]}}\n", ["compose.yaml:5", "max"]),
    "no max": (GOOD + "    deploy: {x-autoscale: {signals: [{cpu: 60%}]}}\n", ["compose.yaml:5", "max"]),
    "a port that is none": (GOOD + '    ports: ["99999:80"]\n', ["compose.yaml:5", "99999"]),
    "a duration that is none": (GOOD + "    stop_grace_period: soon\n", ["compose.yaml:5", "soon"]),
    "an undeclared queue": (GOOD + "    deploy: {x-autoscale: {max: 3, signals: [{queue: q, per_replica: 2}]}}\n", ["compose.yaml:5", "x-queues"]),
    "a scaled service with data": (GOOD + "    volumes: [d:/d]\n    deploy: {x-autoscale: {max: 3, signals: [{cpu: 60%}]}}\nvolumes: {d: {}}\n", ["compose.yaml:", "volume"]),
}


class BadInputTest(E2eTest):
    def test_compose_files_are_refused_with_place_and_remedy(self):
        with Cluster("badfile") as c:
            for what, (text, needles) in BAD_FILES.items():
                with self.subTest(what):
                    file = os.path.join(c.dir, "compose.yaml")
                    with open(file, "w") as f:
                        f.write(text)
                    done = c.drover("config", "-f", file, check=False)
                    self.assertEqual(1, done.returncode, done.stdout + done.stderr)
                    for needle in needles:
                        self.assertIn(needle, done.stderr)

    def test_all_faults_of_a_file_at_once(self):
        with Cluster("badall") as c:
            file = os.path.join(c.dir, "compose.yaml")
            with open(file, "w") as f:
                f.write(GOOD + '    stop_grace_period: soon\n    ports: ["99999:80"]\n    imagge: x\n')
            done = c.drover("config", "-f", file, check=False)
            for needle in ("soon", "99999", "imagge"):
                self.assertIn(needle, done.stderr)

    def test_unreachable_controller(self):
        with Cluster("nocontroller") as c:
            done = c.drover("ps", check=False, timeout=30)
            self.assertEqual(1, done.returncode)
            self.assertIn(str(c.http_port), done.stderr)

    def test_configuration_files_of_the_daemons(self):
        with Cluster("badconf") as c:
            for program, text, needles in (
                    ("drover-controller", "grpc: {listen: nowhere}\nhttp: {listn: x}\n", ["listn", ":2:"]),
                    ("drover-agent", "controllers: [nowhere]\nport_range: 5-1\nstate_dirr: /x\n", ["controllers", "5-1", "state_dirr", ":3:"])):
                file = os.path.join(c.dir, "bad.yaml")
                with open(file, "w") as f:
                    f.write(text)
                done = run(os.path.join(BIN, program), "--config", file, check=False, timeout=20)
                self.assertNotEqual(0, done.returncode)
                for needle in needles:
                    self.assertIn(needle, done.stderr + done.stdout)

    def test_port_of_the_controller_in_use(self):
        with Cluster("busyport") as c, socket.create_server(("127.0.0.1", c.http_port)):
            file = os.path.join(c.dir, "controller.yaml")
            with open(file, "w") as f:
                f.write(f"state_dir: {c.dir}/s\ngrpc: {{listen: {c.grpc_for_agents}}}\nhttp: {{listen: 127.0.0.1:{c.http_port}}}\n")
            done = run(os.path.join(BIN, "drover-controller"), "--config", file, check=False, timeout=30)
            self.assertNotEqual(0, done.returncode)
            self.assertIn(str(c.http_port), done.stderr + done.stdout)

    def test_missing_image_is_named_and_old_replicas_serve_on(self):
        with Cluster("noimage") as c:
            c.start(redis=False)
            service = c.web()
            c.up({"web": service})
            c.wait_web()
            load = c.http_load("/", 50, 15)
            before = [r["id"] for r in c.containers("web")]
            done = c.up({"web": {**service, "image": "drover/no-such-image:7"}}, wait_for=False, check=False)
            said = done.stdout + done.stderr
            if done.returncode == 0:
                said = wait("the reason is shown", lambda: "drover/no-such-image:7" in c.drover("why", f"{c.stack}/web").stdout and
                            c.drover("why", f"{c.stack}/web").stdout, 40)
            self.assertIn("drover/no-such-image:7", said)
            self.assertEqual(0, load.result()["failed"], load.now())
            self.assertEqual(before, [r["id"] for r in c.containers("web")])

    def test_published_port_in_use(self):
        with Cluster("edgeport") as c:
            c.start(redis=False)
            with socket.create_server(("127.0.0.1", c.web_port)):
                c.up({"web": c.web()}, wait_for=False)
                wait("`why` or the events name the port",
                     lambda: str(c.web_port) in c.drover("why", f"{c.stack}/web").stdout + c.drover("events").stdout, 40)
            c.wait_web()  # free again: mended without a word from anybody

    def test_wrong_redis_password(self):
        with Cluster("redispw") as c:
            example_images()
            c.start_redis(password="right")
            c.start_controller()
            c.start_agent(edge=False)
            password = os.path.join(c.dir, "password")
            with open(password, "w") as f:
                f.write("wrong\n")
            queue = c.queue()
            queue["thumbs"]["password_file"] = password
            c.up({"thumbnailer": c.worker(minimum=2)}, **{"x-queues": queue}, wait_for=False)
            why = wait("the reason is shown", lambda: "WRONGPASS" in c.drover("why", f"{c.stack}/thumbnailer").stdout and
                       c.drover("why", f"{c.stack}/thumbnailer").stdout, 40)
            self.assertNotIn("wrong\n", why)
            self.assertEqual(2, c.service("thumbnailer")["desired"])  # unknown is not zero
            with open(password, "w") as f:
                f.write("right\n")
            wait("the queue is read again", lambda: "WRONGPASS" not in c.drover("why", f"{c.stack}/thumbnailer").stdout, 40)

    def test_dockerd_gone_and_back(self):
        with Lab(1) as lab, Cluster("gone", lab=lab) as c:
            lab.load_examples()
            c.controller_config["tls"] = "off"
            c.start_controller()
            agent = c.start_agent("host1", edge=False, host=1, tls="off", advertise_address=lab.addr(1))
            service = {"image": "drover/example-web:1", "pull_policy": "never",
                       "deploy": {"replicas": 2, "resources": {"reservations": {"cpus": "0.1", "memory": "16M"}}}}
            c.up({"web": service})
            c.wait_service("web", ready=2)
            pid = int(lab.run("exec", 1, "cat", "/run/docker.pid").stdout)
            os.kill(pid, signal.SIGSTOP)
            try:
                c.drover("scale", f"{c.stack}/web=3")
                # The agent itself goes on: it reports, and says which call is stuck (R3.8).
                wait("the stuck call is named", lambda: "docker" in str(c.node("host1").get("stuck", "")), 40)
                self.assertEqual("UP", c.node("host1")["status"])
            finally:
                os.kill(pid, signal.SIGCONT)
            c.wait_service("web", 60, ready=3)
            self.assertTrue(agent.process.alive())

    def test_full_disk_under_the_controller(self):
        with Cluster("fulldisk") as c:
            state = c.controller_config["state_dir"]
            os.makedirs(state)
            run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", state)
            try:
                c.start(redis=False)
                c.up({"web": c.web(minimum=2)})
                c.wait_web()
                load = c.http_load("/", 50, 25)
                filler = os.path.join(state, "filler")
                with open(filler, "wb") as f:
                    try:
                        while True:
                            f.write(b"\0" * 65536)
                            f.flush()
                    except OSError:
                        pass
                changed = c.web(minimum=3)
                done = c.up({"web": changed}, wait_for=False, check=False)
                self.assertNotEqual(0, done.returncode, "a change was taken that could not be stored")
                self.assertTrue(c.controller.alive())
                os.remove(filler)
                wait("the change is taken now", lambda: c.up({"web": changed}, wait_for=False, check=False).returncode == 0, 40)
                c.wait_service("web", ready=3)
                self.assertEqual(0, load.result()["failed"], load.now())
            finally:
                c.controller.stop()
                run("umount", "-l", state, check=False)


if __name__ == "__main__":
    main()
