#include "cli/commands/wait.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace drover::cli {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);  // with a controller that does not answer

// The controller's own line, which has the counts; counts alone when it has none yet.
std::string ProgressText(const v1::Service& service) {
  return service.status().empty() ? CountsText(service) : service.status();
}

class Progress {
 public:
  explicit Progress(const Session& session) : session_(session), region_(session.out()) {}

  void Show(const v1::Stack& stack) {
    if (session_.io().terminal) {
      Draw(stack);
      return;
    }
    for (const v1::Service& service : stack.services()) {
      const std::string line = absl::StrCat(service.name(), ": ", ProgressText(service));
      std::string& last = lines_[service.name()];
      if (line != last) {
        session_.out() << line << std::endl;
        last = line;
      }
    }
  }

 private:
  void Draw(const v1::Stack& stack) {
    Table table({{"SERVICE"}, {"STATUS"}}, session_.color());
    for (const v1::Service& service : stack.services()) {
      const Color color = service.converged()    ? Color::kGreen
                          : service.failed() > 0 ? Color::kRed
                                                 : Color::kYellow;
      table.AddRow({service.name(), Paint(ProgressText(service), color, session_.color())});
    }
    region_.Draw(table.ToText());
  }

  const Session& session_;
  LiveRegion region_;
  std::map<std::string, std::string> lines_;
};

bool Converged(const v1::Stack& stack, uint64_t revision) {
  return stack.revision() >= revision &&
         std::all_of(stack.services().begin(), stack.services().end(),
                     [](const v1::Service& service) { return service.converged() && !service.updating(); });
}

std::string Missing(const v1::Stack& stack) {
  std::vector<std::string> names;
  for (const v1::Service& service : stack.services()) {
    if (!service.converged() || service.updating()) {
      names.push_back(absl::StrCat(service.name(), " (", CountsText(service), ")"));
    }
  }
  return absl::StrJoin(names, ", ");
}

// Asks for the stack again and again; `done` sees each answer and ends the waiting with an exit code.
int Poll(const Session& session, const WaitOptions& options,
         const std::function<std::optional<int>(const absl::Status&, const v1::Stack&)>& done,
         const std::function<std::string()>& waiting_for) {
  const absl::Time start = absl::Now();
  absl::Time heard = start;
  while (true) {
    v1::Stack stack;
    const absl::Status status = session.client().Get(absl::StrCat("/v1/stacks/", options.stack), &stack);
    if (const auto code = done(status, stack)) {
      return *code;
    }
    const absl::Time now = absl::Now();
    heard = status.ok() ? now : heard;
    if (!status.ok() && (!absl::IsUnavailable(status) || now - heard > kPatience)) {
      return session.Fail(status);
    }
    if (now - start >= options.timeout) {
      session.Fail(
          absl::StrCat("not done after ", absl::FormatDuration(options.timeout), ": ", waiting_for()));
      return kTimedOut;
    }
    std::this_thread::sleep_for(absl::ToChronoMilliseconds(session.io().poll_interval));
  }
}

}  // namespace

std::string CountsText(const v1::Service& service) {
  std::vector<std::string> parts = {absl::StrCat(service.ready(), "/", service.desired(), " ready")};
  if (service.completed() > 0) {
    parts = {absl::StrCat(service.completed(), " completed")};
  }
  auto add = [&](uint32_t count, const char* what) {
    if (count > 0) {
      parts.push_back(absl::StrCat(count, " ", what));
    }
  };
  add(service.starting(), "starting");
  add(service.pending(), "pending");
  add(service.draining(), "draining");
  add(service.failed(), "failed");
  return absl::StrJoin(parts, ", ");
}

int WaitUntilConverged(const Session& session, const WaitOptions& options) {
  Progress progress(session);
  std::string missing = "the controller did not answer";
  return Poll(
      session, options,
      [&](const absl::Status& status, const v1::Stack& stack) -> std::optional<int> {
        if (!status.ok()) {
          return std::nullopt;
        }
        progress.Show(stack);
        missing = Missing(stack);
        return Converged(stack, options.revision) ? std::optional<int>(kOk) : std::nullopt;
      },
      [&] {
        return absl::StrCat(missing, "; `drover why ", options.stack,
                            "/SERVICE` says what is missing, the stack goes "
                            "on by itself");
      });
}

int WaitUntilGone(const Session& session, const WaitOptions& options) {
  Progress progress(session);
  return Poll(
      session, options,
      [&](const absl::Status& status, const v1::Stack& stack) -> std::optional<int> {
        if (absl::IsNotFound(status)) {
          session.out() << options.stack << " is gone\n";
          return kOk;
        }
        if (status.ok()) {
          progress.Show(stack);
        }
        return std::nullopt;
      },
      [&] {
        return absl::StrCat(options.stack, " is still being removed; `drover ps -p ", options.stack,
                            "` shows what is left");
      });
}

}  // namespace drover::cli
