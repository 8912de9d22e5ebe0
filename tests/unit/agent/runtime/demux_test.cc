#include "agent/runtime/docker/demux.h"

#include <gtest/gtest.h>

#include <string>

namespace drover::agent::docker {
namespace {

std::string Frame(int source, const std::string& data) {
  std::string header(8, '\0');
  header[0] = static_cast<char>(source);
  header[6] = static_cast<char>(data.size() >> 8);
  header[7] = static_cast<char>(data.size() & 0xff);
  header.append(data);
  return header;
}

struct Output {
  std::string out;
  std::string error;

  auto Sink() {
    return [this](int source, absl::string_view data) {
      (source == 1 ? out : error).append(data.data(), data.size());
      return true;
    };
  }
};

TEST(DemuxTest, SeparatesTheTwoSources) {
  Output output;
  Demux demux(false, output.Sink());
  demux.Feed(Frame(1, "hello ") + Frame(2, "oops") + Frame(1, "world"));
  EXPECT_EQ(output.out, "hello world");
  EXPECT_EQ(output.error, "oops");
}

TEST(DemuxTest, TakesAStreamThatIsCutAnywhere) {
  std::string long_text(300, 'a');
  std::string stream = Frame(1, long_text);
  stream.append(Frame(2, "")).append(Frame(2, "b")).append(Frame(1, "c"));
  for (size_t piece = 1; piece < 12; ++piece) {
    Output output;
    Demux demux(false, output.Sink());
    for (size_t at = 0; at < stream.size(); at += piece) {
      demux.Feed(absl::string_view(stream).substr(at, piece));
    }
    EXPECT_EQ(output.out, long_text + "c") << "pieces of " << piece;
    EXPECT_EQ(output.error, "b");
  }
}

TEST(DemuxTest, ATerminalSendsPlainData) {
  Output output;
  Demux demux(true, output.Sink());
  demux.Feed("plain \x01 data");
  EXPECT_EQ(output.out, "plain \x01 data");
}

TEST(DemuxTest, StopsWhenTheSinkSaysSo) {
  Demux demux(false, [](int, absl::string_view) { return false; });
  EXPECT_FALSE(demux.Feed(Frame(1, "x")));
}

}  // namespace
}  // namespace drover::agent::docker
