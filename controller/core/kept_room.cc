#include "controller/core/kept_room.h"

namespace drover::controller {

void KeepRoom(Model& model, Service& service, const NodeId& node) {
  if (service.kept_room) {
    return;
  }
  const Resources room = model.ReservationOf(service);
  service.kept_room = {node, room};
  Node& keeper = model.nodes.at(node);
  keeper.reserved = keeper.reserved + room;
  model.ShowNode(node, /*soft=*/true);
}

void GiveRoomBack(Model& model, Service& service) {
  if (!service.kept_room) {
    return;
  }
  const auto [id, room] = *std::exchange(service.kept_room, std::nullopt);
  if (Node* keeper = model.FindNode(id)) {
    keeper->reserved = keeper->reserved - room;
    model.ShowNode(id, /*soft=*/true);
    model.RoomChanged();
  }
}

}  // namespace drover::controller
