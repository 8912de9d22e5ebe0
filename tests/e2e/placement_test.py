#!/usr/bin/env python3
"""Point 4: two hosts with mutual TLS share the replicas by their configured capacity; what does not fit waits and says why."""
import os

from certificates import make_certificates
from harness import Cluster, E2eTest, Lab, main, wait

IDS = {"big": "00000000000000b1", "small": "00000000000000b2"}


class PlacementTest(E2eTest):
    def test_replicas_are_shared_by_free_capacity_and_the_rest_waits(self):
        with Lab(2) as lab, Cluster("place", lab=lab) as c:
            lab.load_examples()
            tls = make_certificates(os.path.join(c.dir, "tls"), {
                "controller": [f"IP:{lab.addr(0)}", "IP:127.0.0.1", "DNS:localhost"],
                IDS["big"]: [f"IP:{lab.addr(1)}"], IDS["small"]: [f"IP:{lab.addr(2)}"]})
            c.controller_config["tls"] = tls["controller"]
            c.start_controller()
            capacity = {"big": {"cpus": "4", "memory": "4G"}, "small": {"cpus": "2", "memory": "4G"}}
            agents = {}
            for host, name in enumerate(("big", "small"), 1):
                agents[name] = c.start_agent(name, edge=False, host=host, node_id=IDS[name], tls=tls[IDS[name]], capacity=capacity[name],
                                             reserve={"cpus": "0", "memory": "0"}, advertise_address=lab.addr(host))
            service = {"image": "drover/example-web:1", "pull_policy": "never",
                       "deploy": {"replicas": 6, "resources": {"reservations": {"cpus": "0.5", "memory": "32M"}}}}
            c.up({"web": service})
            c.wait_service("web", ready=6)
            on = {name: len(c.containers("web", agent=agent)) for name, agent in agents.items()}
            self.assertEqual(6, sum(on.values()))
            self.assertTrue(2 <= on["small"] <= 3, on)  # spread: neither all on the big one nor more than half on the small one

            service["deploy"]["replicas"] = 20  # 10 CPUs of the 6 that there are
            c.up({"web": service}, wait_for=False)
            full = c.wait_service("web", 60, desired=20, ready=12)
            self.assertEqual(8, full["pending"])
            on = {name: len(c.containers("web", agent=agent)) for name, agent in agents.items()}
            self.assertEqual({"big": 8, "small": 4}, on)
            wait("`why` gives the reason", lambda: "cpu" in c.drover("why", f"{c.stack}/web").stdout.lower())
            pending = [r for r in c.replicas("web") if r["state"] == "PENDING"]
            self.assertTrue(pending and all(r.get("message") for r in pending), pending)
            self.assertIn("pending", c.drover("ps").stdout)


if __name__ == "__main__":
    main()
