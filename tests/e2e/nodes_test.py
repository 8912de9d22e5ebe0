#!/usr/bin/env python3
"""What operators say of hosts: a drain under load, maintenance, removal; and what a hand does while a service is paused."""
import json
import os
import time

from certificates import make_certificates
from harness import Cluster, E2eTest, HttpLoad, Lab, main, run, wait

IDS = {"host1": "00000000000000c1", "host2": "00000000000000c2"}


class NodesTest(E2eTest):
    def test_a_host_is_drained_without_a_failed_request_and_removed(self):
        with Lab(2) as lab, Cluster("nodes", lab=lab) as c:
            lab.load_examples()
            tls = make_certificates(os.path.join(c.dir, "tls"), {
                "controller": [f"IP:{lab.addr(0)}", "IP:127.0.0.1", "DNS:localhost"],
                IDS["host1"]: [f"IP:{lab.addr(1)}"], IDS["host2"]: [f"IP:{lab.addr(2)}"]})
            c.controller_config["tls"] = tls["controller"]
            c.start_controller()
            agents = {name: c.start_agent(name, edge=name == "host1", host=host, node_id=IDS[name], tls=tls[IDS[name]],
                                          capacity={"cpus": "4", "memory": "4G"}, advertise_address=lab.addr(host))
                      for host, name in enumerate(IDS, 1)}
            reserved = {"resources": {"reservations": {"cpus": "0.1", "memory": "16M"}}}
            web = {"image": "drover/example-web:1", "pull_policy": "never", "stop_grace_period": "5s",
                   "ports": [{"target": 8000, "published": str(c.web_port), "app_protocol": "http"}],
                   "deploy": {"replicas": 4, "x-ready": {"http": ":8000/healthz"}, **reserved}}
            c.up({"web": web})
            on = lambda name: len(c.containers("web", agent=agents[name]))
            self.assertEqual(2, on("host2"))
            load = HttpLoad(c.dir, f"http://{lab.addr(1)}:{c.web_port}/", 50, 120)
            check = json.loads(c.drover("node", "drain", "host2", "--check", "-o", "json").stdout)
            self.assertTrue(check["fits"])
            self.assertEqual({"host1"}, {move["toNode"] for move in check["moves"]})
            self.assertEqual("NODE_ACTIVE", c.node("host2")["availability"])

            c.drover("node", "drain", "host2", "--message", "new disks")
            wait("host2 is empty", lambda: on("host2") == 0, 60)
            c.wait_service("web", ready=4)
            self.assertEqual(4, on("host1"))
            self.assertIn("draining", c.drover("node", "ls").stdout)
            self.assertEqual(0, load.stop()["failed"])

            c.drover("node", "rm", "host2")
            wait("host2 is refused", lambda: any(e["reason"] == "NodeRefused" for e in c.api("/v1/events").get("events", [])))
            self.assertEqual(["host1"], [n["name"] for n in c.api("/v1/nodes")["nodes"]])

    def test_what_a_hand_stops_stays_so_while_its_service_is_paused(self):
        """R3.7"""
        with Cluster("hands") as c:
            c.start(redis=False, edge=False)
            service = c.web()
            service.pop("ports", None)
            del service["deploy"]["x-autoscale"]
            service["deploy"]["replicas"] = 1
            c.up({"web": service})
            container = c.containers("web")[0]["id"]
            running = lambda: run("docker", "inspect", "-f", "{{.State.Running}}", container).stdout.strip() == "true"
            c.drover("pause", f"{c.stack}/web")
            run("docker", "stop", "-t", "1", container)
            wait("said", lambda: any(e["reason"] == "RemovedByHand" for e in c.events()))
            time.sleep(3)
            self.assertFalse(running())
            self.assertEqual("RemovedByHand", c.replicas("web")[0]["reason"])
            c.drover("resume", f"{c.stack}/web")
            wait("started again", running, 10)


if __name__ == "__main__":
    main()
