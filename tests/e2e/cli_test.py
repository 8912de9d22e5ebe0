#!/usr/bin/env python3
"""Every verb of the command line once, on a real stack: what it prints, its exit code, and `down` to the last container."""
import json
import time

from harness import Cluster, E2eTest, main, run, wait


class CliTest(E2eTest):
    def reads(self, c, *args):
        """The verb for people says something, and for programs is JSON."""
        with self.subTest(" ".join(args)):
            self.assertTrue(c.drover(*args).stdout.strip())
            return json.loads(c.drover(*args, "-o", "json").stdout)

    def test_every_verb(self):
        with Cluster("cli") as c:
            c.start()
            web = c.web(minimum=2, maximum=4)
            stack = {"web": web, "thumbnailer": c.worker()}
            top = {"x-queues": c.queue()}
            file = c.write_stack(stack, **top)
            self.assertEqual(2, c.drover("plan", "-f", file, check=False).returncode)
            c.up(stack, **top)
            self.assertEqual(0, c.drover("plan", "-f", file, check=False).returncode)
            c.wait_web()

            self.assertIn("version", str(self.reads(c, "version")).lower())
            self.assertIn(c.stack, str(self.reads(c, "ls")))
            replicas = str(self.reads(c, "ps"))
            self.assertIn("web", replicas)
            self.assertIn("thumbnailer", replicas)
            self.assertIn("host1", str(self.reads(c, "node", "ls")))
            self.assertIn("host1", str(self.reads(c, "node", "inspect", "host1")))
            self.assertIn("cpu", str(self.reads(c, "why", f"{c.stack}/web")))
            self.assertIn("thumbs", str(self.reads(c, "why", f"{c.stack}/thumbnailer")))
            self.reads(c, "events")
            self.reads(c, "stats")
            config = json.loads(c.drover("config", "-f", file, "-o", "json").stdout)
            self.assertIn("web", str(config))
            self.assertIn("drover", c.drover("completion", "bash").stdout)

            c.drover("pause", f"{c.stack}/web", "--for", "1m")
            wait("paused", lambda: c.service("web").get("paused"))
            c.drover("resume", f"{c.stack}/web")
            wait("resumed", lambda: not c.service("web").get("paused"))

            refused = c.drover("scale", f"{c.stack}/web=3", check=False)  # scaled: how long shall it hold? (R10.1)
            self.assertEqual(1, refused.returncode)
            self.assertIn("--hold", refused.stderr)
            c.drover("scale", f"{c.stack}/web=3", "--hold", "1h")
            c.wait_service("web", desired=3, ready=3)

    def test_logs_and_exec(self):
        with Cluster("logs") as c:
            c.start(edge=False)
            c.up({"thumbnailer": c.worker()}, **{"x-queues": c.queue()})
            c.wait_service("thumbnailer", ready=1)
            c.redis.process.kill9()
            wait("the worker's complaint is in its log", lambda: "redis" in c.drover("logs", f"{c.stack}/thumbnailer").stdout, 30)
            c.redis.start()
            # The image holds one program; asked with a wrong address it says so and ends with 1.
            done = c.drover("exec", "-e", "REDIS_URL=nowhere", f"{c.stack}/thumbnailer", "/app", check=False)
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertIn("REDIS_URL", done.stdout + done.stderr)

    def test_labels_are_for_log_shippers_and_not_for_compose(self):
        with Cluster("labels") as c:
            c.start(redis=False)
            c.up({"web": c.web()})
            row = c.containers("web")[0]
            self.assertEqual(f"{c.stack}-web-1", row["name"])
            labels = json.loads(run("docker", "inspect", "-f", "{{json .Config.Labels}}", row["id"]).stdout)
            self.assertEqual((c.stack, "web", "1"), tuple(labels[f"com.docker.compose.{k}"] for k in ("project", "service", "container-number")))
            self.assertNotIn("com.docker.compose.config-hash", labels)
            self.assertNotIn("com.docker.compose.oneoff", labels)
            self.assertTrue(labels["io.drover.replica"])
            policy = run("docker", "inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", row["id"]).stdout.strip()
            self.assertIn(policy, ("", "no"))  # R3.7

    def test_down_leaves_nothing(self):
        with Cluster("down") as c:
            c.start()
            c.up({"web": c.web(minimum=2), "thumbnailer": c.worker()}, **{"x-queues": c.queue()})
            c.wait_web()
            c.drover("down", "-p", c.stack, timeout=90)
            wait("no container is left", lambda: not c.containers(running=False), 60)
            wait("no network is left", lambda: not run("docker", "network", "ls", "-q", "--filter", f"name=^{c.stack}_").stdout.strip())
            self.assertNotIn(c.stack, c.drover("ls").stdout)
            with self.assertRaises(OSError):
                for _ in range(100):  # the listener goes with the stack
                    c.ask_web()
                    time.sleep(0.1)

    def test_a_removed_container_is_replaced(self):
        with Cluster("byhand") as c:
            c.start(redis=False)
            c.up({"web": c.web(minimum=2)})
            c.wait_service("web", ready=2)
            victim = c.containers("web")[0]["id"]
            run("docker", "rm", "-f", victim)
            wait("another one runs", lambda: len(c.containers("web")) == 2 and victim not in [r["id"] for r in c.containers("web")], 30)
            c.wait_service("web", ready=2)
            self.assertIn("RemovedByHand", c.drover("events").stdout)


if __name__ == "__main__":
    main()
