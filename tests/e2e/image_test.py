#!/usr/bin/env python3
"""Images from a registry that wants a password (Debian's docker-registry): pulled, and held by their digest."""
import json
import os

from harness import Cluster, E2eTest, Process, example_images, free_port, main, run, wait


class Registry:
    """On 127.0.0.1, one user; images get there as variants of the example web worker, told apart by a label."""

    def __init__(self, folder):
        self.host = f"127.0.0.1:{free_port()}"
        self.image = f"{self.host}/shop/web:1"
        self.login = os.path.join(folder, "login")  # docker's configuration of the one who pushes
        root = os.path.join(folder, "registry")
        os.makedirs(root)
        users = os.path.join(root, "htpasswd")
        with open(users, "w") as f:
            f.write("shop:$2b$04$1tuh0gudtzB17vLHwtS8POb23dtSNORwG7WrxHs0aykriVk3OVx96\n")  # bcrypt of "right"
        config = os.path.join(root, "config.yaml")
        with open(config, "w") as f:
            json.dump({"version": 0.1, "http": {"addr": self.host}, "storage": {"filesystem": {"rootdirectory": root}},
                       "auth": {"htpasswd": {"realm": "test", "path": users}}}, f)
        self.process = Process("registry", ["docker-registry", "serve", config], os.path.join(root, "log"))

    def start(self):
        self.process.start()
        wait("the registry takes a login", lambda: run("docker", "--config", self.login, "login", "-u", "shop", "--password-stdin",
                                                       self.host, input="right"))
        return self

    def push(self, variant):
        """Makes `variant` what the tag names; nothing of it stays on this engine."""
        container = run("docker", "create", "drover/example-web:1").stdout.strip()
        run("docker", "commit", "-c", f"LABEL variant={variant}", container, self.image)
        run("docker", "rm", container)
        run("docker", "--config", self.login, "push", self.image)
        run("docker", "rmi", self.image)

    def remove_pulled(self):
        ids = run("docker", "images", "-q", "--filter", f"reference={self.host}/shop/web").stdout.split()
        if ids:
            run("docker", "rmi", "-f", *ids, check=False)


class ImageTest(E2eTest):
    def registry(self, c):
        """A controller, and a registry with the image's first variant; the agent is the test's own."""
        example_images()
        registry = Registry(c.dir)
        c.processes.append(registry.process)
        self.addCleanup(registry.remove_pulled)
        registry.start()
        registry.push("one")
        c.start_controller()
        return registry

    def web(self, c, registry):
        service = c.web()
        del service["pull_policy"], service["deploy"]["x-autoscale"]
        return {**service, "image": registry.image}

    def variants(self, c):
        return [run("docker", "inspect", "-f", "{{.Config.Labels.variant}}", r["id"]).stdout.strip() for r in c.containers("web")]

    def refused(self, c, registry):
        done = c.up({"web": self.web(c, registry)}, check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertEqual([], c.containers("web"))
        return done.stdout + done.stderr

    def test_R9_1_pulled_with_the_agents_password_and_held_by_digest(self):
        with Cluster("registry") as c:
            registry = self.registry(c)
            password = os.path.join(c.dir, "password")
            with open(password, "w") as f:
                f.write("wrong\n")
            c.start_agent(registries={registry.host: {"username": "shop", "password_file": password}})
            said = self.refused(c, registry)
            self.assertIn("ImagePullFailed", said)
            self.assertIn("unauthorized", said)  # the registry's own word

            with open(password, "w") as f:
                f.write("right\n")  # read at each pull
            c.up({"web": self.web(c, registry)})
            self.assertEqual(["one"], self.variants(c))

            registry.push("two")  # the tag moves; what was decided does not
            c.drover("scale", f"{c.stack}/web=3")
            c.wait_service("web", desired=3, ready=3)
            self.assertEqual(["one"] * 3, self.variants(c))

            c.up({"web": self.web(c, registry)})  # an operator's word takes the tag as it is now
            wait("all replicas are of the new image", lambda: set(self.variants(c)) == {"two"} and c.service("web")["converged"], 60)

    def test_pulled_with_dockers_own_login(self):
        with Cluster("dockerlogin") as c:
            registry = self.registry(c)
            login = os.path.join(c.dir, "docker-config.json")
            c.start_agent(docker={"config": login})
            self.assertIn("ImagePullFailed", self.refused(c, registry))
            os.link(os.path.join(registry.login, "config.json"), login)
            c.up({"web": self.web(c, registry)})
            self.assertEqual(["one"], self.variants(c))


if __name__ == "__main__":
    main()
