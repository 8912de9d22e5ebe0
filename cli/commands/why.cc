// why: one screen that explains the number of replicas of a service.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "cli/commands/text.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

void PrintHead(const Session& session, const v1::Service& service) {
  session.out() << Paint(absl::StrCat(service.stack(), "/", service.name()), Color::kBold, session.color());
  if (service.autoscaled()) {
    session.out() << "  range " << service.min() << "–" << service.max();
  }
  session.out() << "\n" << StatusText(service, false, session.color()) << "\n";
  session.out() << "each reserves " << CpuText(service.reserved_cpu_milli()) << " and "
                << BytesText(service.reserved_memory_bytes())
                << (service.reservation_assumed() ? " (assumed)" : "") << "\n";
}

void PrintConsumers(const Session& session, const v1::Service& service) {
  for (const v1::Consumer& consumer : service.consumers()) {
    session.out() << "pulled by " << consumer.name() << ": ";
    if (consumer.has_confirmed_at()) {
      session.out() << "confirmed backends " << consumer.confirmed() << " of " << consumer.revision()
                    << " at "
                    << absl::FormatTime("%Y-%m-%d %H:%M:%S", FromProto(consumer.confirmed_at()),
                                        absl::LocalTimeZone())
                    << "\n";
    } else {
      session.out() << "has confirmed nothing since the controller's start\n";
    }
  }
}

void PrintChoices(const Session& session, const v1::Decision& decision) {
  for (const v1::Choice& choice : decision.choices()) {
    session.out() << "  " << choice.action() << " " << choice.replica_id()
                  << (choice.node().empty() ? "" : absl::StrCat(" on ", choice.node())) << ": "
                  << choice.why() << "\n";
  }
}

void PrintDecision(const Session& session, const v1::Decision& decision) {
  session.out() << "\n"
                << Paint("DECISION", Color::kDim, session.color()) << "  " << decision.current() << " → "
                << decision.desired() << "  " << decision.reason()
                << (decision.winner().empty() ? "" : absl::StrCat(" (", decision.winner(), ")")) << "\n";
  if (!decision.summary().empty()) {
    session.out() << decision.summary() << "\n";
  }
  if (!decision.signals().empty()) {
    Table table({{"SIGNAL"},
                 {"VALUE", Table::Align::kRight},
                 {"TARGET", Table::Align::kRight},
                 {"AGE", Table::Align::kRight},
                 {"WISH", Table::Align::kRight},
                 {"HOW"}},
                session.color());
    for (const v1::SignalDecision& signal : decision.signals()) {
      const std::string unit = signal.unit() == "%" ? " %" : "";
      table.AddRow({signal.name(), signal.has_value() ? NumberText(signal.value()) + unit : "unknown",
                    NumberText(signal.target()) + unit,
                    signal.has_age() ? ShortDuration(FromProto(signal.age())) : "",
                    signal.has_wish() ? absl::StrCat(signal.wish()) : "",
                    signal.has_value() ? signal.formula() : signal.unknown_reason()});
    }
    session.out() << table.ToText();
  }
  for (const v1::Clamp& clamp : decision.clamps()) {
    session.out() << "  " << clamp.name() << ": " << clamp.before() << " → " << clamp.after()
                  << (clamp.detail().empty() ? "" : "  ") << clamp.detail() << "\n";
  }
  PrintChoices(session, decision);
  for (const v1::Condition& condition : decision.conditions()) {
    session.out() << "  " << condition.type() << " " << condition.status() << "  " << condition.reason()
                  << ": " << condition.message() << "\n";
  }
}

// How the present count came about, where the newest decision changed nothing.
void PrintLastChange(const Session& session, const v1::WhyResponse& why) {
  const v1::Decision& change = why.last_change();
  if (!why.has_last_change() || change.id() == why.decision().id()) {
    return;
  }
  session.out() << "\n"
                << Paint("LAST CHANGE", Color::kDim, session.color()) << "  "
                << absl::FormatTime("%Y-%m-%d %H:%M:%S", FromProto(change.at()), absl::LocalTimeZone())
                << "  " << change.summary() << "\n";
  PrintChoices(session, change);
}

void PrintPastHead(const Session& session, const v1::WhyResponse& why) {
  const v1::Service& service = why.service();
  session.out() << Paint(absl::StrCat(service.stack(), "/", service.name()), Color::kBold, session.color())
                << "  range " << service.min() << "–" << service.max() << "  as of "
                << absl::FormatTime("%Y-%m-%d %H:%M:%S %Z", FromProto(why.at()), absl::LocalTimeZone())
                << "\n";
  if (!why.note().empty()) {
    session.out() << why.note() << "\n";
  }
}

void PrintWhy(const Session& session, const v1::WhyResponse& why) {
  auto title = [&](absl::string_view text) {
    session.out() << "\n" << Paint(text, Color::kDim, session.color()) << "\n";
  };
  if (why.has_at()) {
    PrintPastHead(session, why);
  } else {
    PrintHead(session, why.service());
    PrintConsumers(session, why.service());
  }
  if (why.has_decision()) {
    PrintDecision(session, why.decision());
  } else if (why.service().autoscaled()) {
    session.out() << "\nnot evaluated yet\n";
  }
  PrintLastChange(session, why);
  if (!why.blocked().empty()) {
    title("BLOCKED");
    for (const std::string& line : why.blocked()) {
      session.out() << Paint(line, Color::kRed, session.color()) << "\n";
    }
  }
  for (const auto& stuck : why.stuck()) {
    session.out() << "stuck for " << ShortDuration(absl::Milliseconds(stuck.since_ms())) << ": "
                  << stuck.call() << "\n";
  }
  if (!why.replicas().empty()) {
    session.out() << "\n" << ReplicaTable({why.replicas().begin(), why.replicas().end()}, session.color());
  }
  if (!why.recent().empty()) {
    title("RECENT");
    for (const v1::Event& event : why.recent()) {
      session.out() << EventText(event, session.color()) << "\n";
    }
  }
}

}  // namespace

void AddWhyVerb(Verbs verbs) {
  Session& session = verbs.session();
  auto service = std::make_shared<std::string>();
  auto at = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App* verb = verbs.Add(
      "why", "explain the number of replicas of a service, and what holds it up",
      "drover why shop/web --at 2h", [service, at, json, &session] {
        const auto name = FindService(session, *service);
        if (!name.ok()) {
          return session.Fail(name.status());
        }
        return session.Show<v1::WhyResponse>(
            absl::StrCat("/v1/services/", name->stack, "/", name->service, "/why", Query({{"at", *at}})),
            *json, [&](const v1::WhyResponse& why) { PrintWhy(session, why); });
      });
  verb->add_option("SERVICE", *service, "the service")->required()->type_name("");
  verb->add_option("--at", *at,
                   "as it was then: RFC 3339 (2026-11-22T03:10:00Z), or how long ago (10m, 2h, 3d)")
      ->type_name("TIME");
  AddOutputOption(verb, json.get());
}

}  // namespace drover::cli
