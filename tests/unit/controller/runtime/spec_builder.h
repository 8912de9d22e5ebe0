// Specs for tests, in protobuf's text form, so that the interesting field stands out.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "drover/v1/cluster.pb.h"
#include "google/protobuf/text_format.h"

namespace drover::controller {

template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// Stack "shop" with the service "web" and `more` of its fields.
inline v1::StackSpec Stack(const std::string& more_of_web, const std::string& more_of_stack = "") {
  auto stack = FromText<v1::StackSpec>(
      "name: 'shop' services { name: 'web' replicas: 1 container { image: 'web:1' } }");
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(more_of_web, stack.mutable_services(0)))
      << more_of_web;
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(more_of_stack, &stack)) << more_of_stack;
  return stack;
}

}  // namespace drover::controller
