#!/usr/bin/env python3
"""Point 6: a service with data of its own exists once, on the node of its data (R7.1)."""
import threading
import time

from harness import Cluster, E2eTest, Lab, main, wait


def database(image="drover/example-web:1"):
    return {"image": image, "pull_policy": "never", "volumes": ["data:/data"], "expose": ["8000"],
            "deploy": {"resources": {"reservations": {"cpus": "0.1", "memory": "16M"}}}}


class PinnedTest(E2eTest):
    def test_its_host_killed_there_is_no_second_one(self):
        with Lab(2) as lab, Cluster("pin", lab=lab) as c:
            lab.load_examples()
            c.controller_config["tls"] = "off"
            c.start_controller()
            agents = {i: c.start_agent(f"host{i}", edge=False, host=i, tls="off", advertise_address=lab.addr(i),
                                       capacity={"cpus": "4", "memory": "4G"}) for i in (1, 2)}
            c.up({"db": database()}, volumes={"data": {}})
            c.wait_service("db", ready=1)
            home = next(i for i, agent in agents.items() if c.containers("db", agent=agent))
            other = 3 - home
            lab.run("kill", home)
            wait("the node is lost", lambda: c.node(f"host{home}").get("status") == "LOST", 30)
            end = time.monotonic() + 15
            while time.monotonic() < end:
                self.assertEqual([], c.containers("db", agent=agents[other]))
                time.sleep(0.5)
            self.assertIn("NodeOfItsDataIsAway", c.drover("why", f"{c.stack}/db").stdout)
            lab.run("start", home)
            agents[home].start()
            c.wait_service("db", 90, ready=1)
            self.assertEqual([], c.containers("db", agent=agents[other]))
            self.assertEqual(1, len(c.containers("db", agent=agents[home])))

    def test_a_changed_image_never_runs_two_at_once(self):
        with Cluster("pinup") as c:
            c.start(redis=False, edge=False)
            c.up({"db": database()}, volumes={"data": {}})
            c.wait_service("db", ready=1)
            old = c.containers("db")[0]["id"]
            counts, done = [], threading.Event()

            def watch():
                while not done.is_set():
                    counts.append(len(c.containers("db")))

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                c.up({"db": database("drover/example-worker:1")}, volumes={"data": {}}, wait_for=False)
                wait("the new one runs", lambda: [r["id"] for r in c.containers("db")] not in ([], [old]), 60)
                time.sleep(2)
            finally:
                done.set()
                watcher.join()
            self.assertLessEqual(max(counts), 1)
            self.assertGreater(len(counts), 20)


if __name__ == "__main__":
    main()
