// version, completion.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/session.h"

namespace drover::cli {
namespace {

// ", frozen until 2026-11-23 15:04 (eve: a disk is replaced)"
std::string FrozenText(const v1::VersionInfo& info) {
  const std::string until =
      info.has_frozen_until()
          ? absl::StrCat(" until ", absl::FormatTime("%Y-%m-%d %H:%M", FromProto(info.frozen_until()),
                                                     absl::LocalTimeZone()))
          : "";
  return absl::StrCat(", frozen", until,
                      info.frozen_note().empty() ? "" : absl::StrCat(" (", info.frozen_note(), ")"));
}

int Version(const Session& session, bool client_only, bool json) {
  v1::VersionInfo info;
  const absl::Status status = client_only ? absl::OkStatus() : session.client().Get("/v1/version", &info);
  if (json) {
    if (client_only) {
      info.set_version(DROVER_VERSION);
    }
    if (!status.ok()) {
      return session.Fail(status);
    }
    session.PrintJson(info);
    return kOk;
  }
  session.out() << "drover      " << DROVER_VERSION << "\n";
  if (client_only) {
    return kOk;
  }
  if (!status.ok()) {
    return session.Fail(status);
  }
  session.out() << "controller  " << info.version() << "  " << session.client().address() << ", cluster "
                << info.cluster_id() << ", epoch " << info.epoch()
                << (info.ready() ? "" : absl::StrCat(", not ready: ", info.not_ready_reason()))
                << (info.frozen() ? FrozenText(info) : "") << "\n";
  return kOk;
}

struct VerbOptions {
  std::string path;  // "up", "node ls"
  std::string text;
  std::vector<std::string> options;
};

// `path` by value: the caller's may lie in `out`, which grows.
void Collect(const CLI::App& app, std::string path, std::vector<VerbOptions>* out) {
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    VerbOptions options{.path = absl::StrCat(path, path.empty() ? "" : " ", verb->get_name()),
                        .text = verb->get_description(),
                        .options = {}};
    for (const CLI::Option* option : verb->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        options.options.push_back("--" + name);
      }
      for (const std::string& name : option->get_snames()) {
        options.options.push_back("-" + name);
      }
    }
    out->push_back(std::move(options));
    Collect(*verb, out->back().path, out);
  }
}

std::string BashScript(const std::vector<VerbOptions>& verbs) {
  std::vector<std::string> top;
  std::string cases;
  for (const VerbOptions& verb : verbs) {
    if (!absl::StrContains(verb.path, ' ')) {
      top.push_back(verb.path);
    }
    std::vector<std::string> words = verb.options;
    for (const VerbOptions& other : verbs) {
      if (absl::StartsWith(other.path, verb.path + " ")) {
        words.push_back(other.path.substr(verb.path.size() + 1));
      }
    }
    absl::StrAppend(&cases, "    '", verb.path, "') words='", absl::StrJoin(words, " "), "' ;;\n");
  }
  return absl::StrCat(
      "# bash completion for drover: source <(drover completion bash)\n"
      "_drover() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words\n"
      "  if [[ $verb =~ ^(node|edge|token)$ && $COMP_CWORD -gt 2 ]]; then verb=\"$verb ${COMP_WORDS[2]}\"; "
      "fi\n"
      "  if [[ $COMP_CWORD -eq 1 ]]; then verb=; fi\n"
      "  case $verb in\n"
      "    '') words='",
      absl::StrJoin(top, " "), "' ;;\n", cases,
      "  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "}\n"
      "complete -o default -F _drover drover\n");
}

std::string ZshScript(const std::vector<VerbOptions>& verbs) {
  return absl::StrCat(
      "#compdef drover\n# zsh completion for drover: source <(drover completion zsh)\n"
      "autoload -U +X bashcompinit && bashcompinit\n",
      BashScript(verbs));
}

std::string FishScript(const std::vector<VerbOptions>& verbs) {
  std::string out = "# fish completion for drover: drover completion fish | source\n";
  for (const VerbOptions& verb : verbs) {
    const size_t space = verb.path.find(' ');
    const std::string condition =
        space == std::string::npos ? "__fish_use_subcommand"
                                   : absl::StrCat("__fish_seen_subcommand_from ", verb.path.substr(0, space));
    const std::string word = space == std::string::npos ? verb.path : verb.path.substr(space + 1);
    absl::StrAppend(&out, "complete -c drover -f -n '", condition, "' -a ", word, " -d '",
                    absl::StrReplaceAll(verb.text, {{"'", "\\'"}}), "'\n");
    for (const std::string& option : verb.options) {
      const bool is_long = absl::StartsWith(option, "--");
      absl::StrAppend(&out, "complete -c drover -n '__fish_seen_subcommand_from ", word, "' ",
                      is_long ? "-l " : "-s ", option.substr(is_long ? 2 : 1), "\n");
    }
  }
  return out;
}

}  // namespace

void AddToolVerbs(Verbs verbs) {
  Session& session = verbs.session();
  auto client_only = std::make_shared<bool>(false);
  auto json = std::make_shared<bool>(false);
  CLI::App* verb =
      verbs.Add("version", "print the versions of drover and of the controller", "drover version --client",
                [client_only, json, &session] { return Version(session, *client_only, *json); });
  verb->add_flag("--client", *client_only, "only drover's own; asks no controller");
  AddOutputOption(verb, json.get());

  auto shell = std::make_shared<std::string>();
  CLI::App* app = &verbs.app();
  verb = verbs.Add("completion", "print a completion script for a shell", "source <(drover completion bash)",
                   [shell, app, &session] {
                     std::vector<VerbOptions> all;
                     Collect(*app, "", &all);
                     session.out() << (*shell == "bash"  ? BashScript(all)
                                       : *shell == "zsh" ? ZshScript(all)
                                                         : FishScript(all));
                     return kOk;
                   });
  verb->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("");
}

}  // namespace drover::cli
