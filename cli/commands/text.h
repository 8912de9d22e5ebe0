// Pieces of text that several commands print.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace drover::cli {

// "pending", "ready", … in its colour.
std::string StateText(v1::ReplicaState state, bool color);
// One line a replica, ordered by stack, service and number.
std::string ReplicaTable(std::vector<v1::Replica> replicas, bool color);
// One line a replica of a node that empties: where another one starts, or why it stays.
std::string MoveTable(const std::vector<v1::NodeMove>& moves, bool color);
// "cpu 72/60 %, queue thumbs unknown".
std::string SignalsText(const v1::Service& service);
// "8080→8000".
std::string PortsText(const v1::Service& service);
// The service's status line with what an operator did to it.
std::string StatusText(const v1::Service& service, bool removing, bool color);
// "15:04:05 shop/web  ScaleUp  message"; the date when it is not today's.
std::string EventText(const v1::Event& event, bool color);

}  // namespace drover::cli
