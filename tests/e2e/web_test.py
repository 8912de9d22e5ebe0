#!/usr/bin/env python3
"""Point 2: a web service follows its CPU; no request fails while it grows and shrinks under load."""
from harness import Cluster, E2eTest, main, wait


class WebTest(E2eTest):
    def test_no_request_fails_while_scaling_up_and_down(self):
        with Cluster("web") as c:
            c.start(redis=False)
            c.up({"web": c.web(minimum=1, maximum=5, down="5s", cpus="0.1")})
            c.wait_web()
            # The steady part goes on through both directions: at least 10,000 requests.
            steady = c.http_load("/", 100, 150)
            heavy = c.http_load("/work?ms=3", 80, 40)  # 0.24 CPU: ceil(0.24 / 0.06) = 4 replicas, with the steady part 5
            c.wait_service("web", 45, desired=5)
            c.wait_service("web", 45, ready=5)
            self.assertEqual(0, heavy.result()["failed"], heavy.now())

            c.wait_service("web", 90, desired=1, ready=1, draining=0)
            self.assertTrue(steady.process.alive(), "the service did not shrink while requests were going on")
            wait("10,000 requests are answered", lambda: steady.now()["requests"] + heavy.now()["requests"] >= 10000, 90)
            result = steady.stop()
            self.assertEqual(0, result["failed"], result)
            self.assertEqual(1, len(c.containers("web")))

    def test_a_request_in_hand_is_finished_before_its_replica_goes(self):
        with Cluster("drain") as c:
            c.start(redis=False)
            service = c.web()
            del service["deploy"]["x-autoscale"]
            service["deploy"]["replicas"] = 3
            c.up({"web": service})
            c.wait_web()
            slow = c.http_load("/sleep?ms=4000", 8, 8, connections=32)
            steady = c.http_load("/", 50, 12)
            c.wait_service("web", ready=3)
            c.drover("scale", f"{c.stack}/web=1")
            c.wait_service("web", 60, desired=1, ready=1, draining=0)
            self.assertEqual(0, slow.result()["failed"], slow.now())
            self.assertEqual(0, steady.result()["failed"], steady.now())


if __name__ == "__main__":
    main()
