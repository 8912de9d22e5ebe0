#include "compose/assemble.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compose/dotenv.h"
#include "compose/files.h"
#include "compose/merge.h"
#include "compose/read.h"
#include "compose/yaml.h"

namespace drover::compose {
namespace {

// Loads files recursively. `working_dir` is only for names in messages.
class Assembler {
 public:
  Assembler(std::string working_dir, FaultList& faults)
      : working_dir_(std::move(working_dir)), faults_(faults) {}

  // One project: `files` (absolute) merged in order. `mark`: who asked for them.
  std::optional<Node> LoadProject(const std::vector<std::string>& files, const std::string& base_dir,
                                  const Environment& environment, const Mark& mark) {
    std::optional<Node> merged;
    for (const std::string& file : files) {
      for (Node& document : Parse(file, base_dir, mark)) {
        InterpolateTree(document, environment, faults_);
        Include(document, file, environment);
        Extend(document, file, environment);
        if (!merged) {
          merged = std::move(document);
        } else {
          MergeFile(*merged, document);
        }
      }
    }
    return merged;
  }

  // Documents of one file that are maps; everything else is a fault.
  std::vector<Node> Parse(const std::string& file, const std::string& base_dir, const Mark& mark) {
    const auto source =
        std::make_shared<const Source>(Source{.name = DisplayPath(file, working_dir_), .base_dir = base_dir});
    const auto text = ReadWholeFile(file);
    if (!text.ok()) {
      const std::string why = absl::StrCat("cannot read ", source->name, ": ", text.status().message(),
                                           "; name a Compose file that exists and is readable");
      faults_.Add(mark.source ? mark : Mark{.source = source}, why);
      return {};
    }
    std::vector<Node> documents = ParseYaml(*text, source, faults_);
    std::erase_if(documents, [&](const Node& document) {
      if (!document.is_map()) {
        faults_.Add(document.mark, "a Compose file is a map; begin with `services:`");
      }
      return !document.is_map();
    });
    return documents;
  }

 private:
  void Include(Node& document, const std::string& file, const Environment& environment) {
    const Node* include = document.Find("include");
    if (include == nullptr) {
      return;
    }
    const Node list = *include;
    document.Erase("include");
    if (!list.is_list()) {
      faults_.Add(list.mark, "include is no list; write `include: [other.yaml]`");
      return;
    }
    if (std::find(including_.begin(), including_.end(), file) != including_.end()) {
      faults_.Add(list.mark,
                  absl::StrCat("include goes round in a circle: ", absl::StrJoin(including_, " → "), " → ",
                               file, "; remove one of them"));
      return;
    }
    including_.push_back(file);
    for (const Node& item : list.items) {
      IncludeOne(document, item, environment);
    }
    including_.pop_back();
  }

  void IncludeOne(Node& document, const Node& item, const Environment& environment) {
    std::vector<std::string> paths;
    std::vector<std::string> env_files;
    std::string directory;
    const std::string& base = item.mark.source->base_dir;
    auto resolve = [&](const Node& node) {
      std::vector<std::string> out;
      for (const std::string& path : ReadTexts(node, faults_)) {
        out.push_back(ResolvePath(path, base, environment));
      }
      return out;
    };
    if (item.is_scalar()) {
      paths = resolve(item);
    } else {
      ReadMap(item, "include",
              {{"path", [&](const Entry& e) { paths = resolve(e.value); }},
               {"env_file", [&](const Entry& e) { env_files = resolve(e.value); }},
               {"project_directory",
                [&](const Entry& e) {
                  const auto dirs = resolve(e.value);
                  directory = dirs.empty() ? "" : dirs[0];
                }}},
              faults_);
    }
    if (paths.empty()) {
      faults_.Add(item.mark, "include names no file; write `path: other.yaml`");
      return;
    }
    directory = directory.empty() ? DirectoryOf(paths[0]) : directory;
    const Environment own = ReadEnvironment(env_files, directory, environment, item.mark);
    if (auto included = LoadProject(paths, directory, own, item.mark)) {
      Import(document, *included);
    }
  }

  // Takes over what an included project declares; two different things of one name are a fault.
  void Import(Node& document, const Node& included) {
    for (const char* section :
         {"services", "networks", "volumes", "configs", "secrets", "x-queues", "x-volumes"}) {
      const Node* theirs = included.Find(section);
      if (theirs == nullptr) {
        continue;
      }
      Node* ours = document.Find(section);
      if (ours == nullptr || ours->is_null()) {
        document.Erase(section);
        document.entries.push_back({.key = section, .mark = theirs->mark, .value = *theirs});
        continue;
      }
      for (const Entry& entry : theirs->entries) {
        if (const Node* same = ours->Find(entry.key)) {
          faults_.Add(
              same->mark,
              absl::StrCat(section, " \"", entry.key, "\" is also declared by the included ",
                           entry.mark.source->name, " in line ", entry.mark.line, "; rename one of them"));
        } else {
          ours->entries.push_back(entry);
        }
      }
    }
  }

  void Extend(Node& document, const std::string& file, const Environment& environment) {
    Node* services = document.Find("services");
    if (services == nullptr || !services->is_map()) {
      return;
    }
    const Node original = *services;
    for (Entry& entry : services->entries) {
      extending_.clear();
      entry.value = Extended(original, entry.key, file, environment);
    }
  }

  // Service `name` of `services` with all that it extends laid under it.
  Node Extended(const Node& services, const std::string& name, const std::string& file,
                const Environment& environment) {
    Node service = *services.Find(name);
    const Node* extends = service.Find("extends");
    if (extends == nullptr) {
      return service;
    }
    const Node reference = *extends;
    service.Erase("extends");
    const std::string link = absl::StrCat(DisplayPath(file, working_dir_), " ", name);
    if (std::find(extending_.begin(), extending_.end(), link) != extending_.end()) {
      faults_.Add(reference.mark,
                  absl::StrCat("extends goes round in a circle: ", absl::StrJoin(extending_, " → "), " → ",
                               link, "; remove one of them"));
      return service;
    }
    extending_.push_back(link);
    auto base = Base(services, reference, file, environment);
    if (!base) {
      return service;
    }
    MergeService(*base, service);
    base->mark = service.mark;
    return *std::move(base);
  }

  std::optional<Node> Base(const Node& services, const Node& reference, const std::string& file,
                           const Environment& environment) {
    std::string base_name = reference.text;
    std::string base_file;
    if (reference.is_map()) {
      ReadMap(reference, "extends",
              {{"service", [&](const Entry& e) { base_name = ReadText(e.value, faults_).value_or(""); }},
               {"file",
                [&](const Entry& e) {
                  base_file = ResolvePath(ReadText(e.value, faults_).value_or(""),
                                          e.value.mark.source->base_dir, environment);
                }}},
              faults_);
    }
    if (base_file.empty()) {
      return FindBase(services, base_name, reference, file, environment);
    }
    std::vector<Node> documents = Parse(base_file, DirectoryOf(base_file), reference.mark);
    if (documents.empty()) {
      return std::nullopt;
    }
    InterpolateTree(documents[0], environment, faults_);
    const Node* others = documents[0].Find("services");
    return FindBase(others == nullptr ? MakeMap(reference.mark) : *others, base_name, reference, base_file,
                    environment);
  }

  std::optional<Node> FindBase(const Node& services, const std::string& name, const Node& reference,
                               const std::string& file, const Environment& environment) {
    if (services.Find(name) == nullptr) {
      std::vector<absl::string_view> names;
      for (const Entry& entry : services.entries) {
        names.push_back(entry.key);
      }
      const std::string near = Nearest(name, names);
      faults_.Add(reference.mark, absl::StrCat("extends names service \"", name, "\", which ",
                                               DisplayPath(file, working_dir_), " does not have; ",
                                               near.empty() ? "name one that it has"
                                                            : absl::StrCat("did you mean \"", near, "\"?")));
      return std::nullopt;
    }
    return Extended(services, name, file, environment);
  }

 public:
  // The variables of `files` (or of `.env` in `directory`) under those of `outer`.
  Environment ReadEnvironment(const std::vector<std::string>& files, const std::string& directory,
                              const Environment& outer, const Mark& mark) {
    std::vector<std::string> paths = files;
    const std::string standard = ResolvePath(".env", directory, outer);
    if (paths.empty() && FileExists(standard)) {
      paths.push_back(standard);
    }
    Environment environment = outer;
    for (auto it = paths.rbegin(); it != paths.rend(); ++it) {
      const auto source = std::make_shared<const Source>(
          Source{.name = DisplayPath(*it, working_dir_), .base_dir = DirectoryOf(*it)});
      const auto text = ReadWholeFile(*it);
      if (!text.ok()) {
        faults_.Add(mark.source ? mark : Mark{.source = source},
                    absl::StrCat("cannot read environment file ", source->name, ": ", text.status().message(),
                                 "; name a file that exists"));
        continue;
      }
      for (auto& [key, value] : ParseEnvFile(*text, source, outer, false, faults_)) {
        if (value) {
          environment.emplace(key, *value);
        }
      }
    }
    return environment;
  }

 private:
  std::string working_dir_;
  FaultList& faults_;
  std::vector<std::string> including_;
  std::vector<std::string> extending_;
};

std::string Variable(const Environment& environment, const std::string& name) {
  auto it = environment.find(name);
  return it == environment.end() ? "" : it->second;
}

std::vector<std::string> ComposeFiles(const LoadOptions& options, const std::string& working_dir,
                                      const Environment& environment) {
  std::vector<std::string> files;
  std::vector<std::string> named = options.files;
  if (const std::string variable = Variable(environment, "COMPOSE_FILE");
      named.empty() && !variable.empty()) {
    const std::string separator = Variable(environment, "COMPOSE_PATH_SEPARATOR");
    named = absl::StrSplit(variable, separator.empty() ? ":" : separator, absl::SkipEmpty());
  }
  for (const std::string& file : named) {
    files.push_back(file == "-" ? file : ResolvePath(file, working_dir, environment));
  }
  return named.empty() ? FindComposeFiles(working_dir) : files;
}

// Compose's rule: lower case, only [a-z0-9_-], no leading `_` or `-`.
std::string ProjectName(absl::string_view text) {
  std::string name;
  for (char c : absl::AsciiStrToLower(text)) {
    const bool alnum = absl::ascii_isalnum(static_cast<unsigned char>(c));
    if (alnum || ((c == '_' || c == '-') && !name.empty())) {
      name += c;
    }
  }
  return name;
}

void ChooseProject(const LoadOptions& options, const Node* name_node, Assembled& out, FaultList& faults) {
  std::string chosen = options.project_name;
  Mark mark;
  if (chosen.empty()) {
    chosen = Variable(out.environment, "COMPOSE_PROJECT_NAME");
  }
  if (chosen.empty() && name_node != nullptr) {
    mark = name_node->mark;
    chosen = Interpolate(name_node->text, out.environment, mark, faults);
  }
  if (chosen.empty()) {
    out.project = ProjectName(std::filesystem::path(out.project_dir).filename().string());
    if (out.project.empty()) {
      faults.Add(mark, "the directory's name makes no project name; write `name:` or give -p NAME");
    }
    return;
  }
  out.project = ProjectName(chosen);
  if (out.project != chosen) {
    faults.Add(mark,
               absl::StrCat("\"", chosen,
                            "\" is no project name; write lower-case letters, digits, - and _, "
                            "beginning with a letter or digit",
                            out.project.empty() ? "" : absl::StrCat(", for example \"", out.project, "\"")));
  }
}

}  // namespace

std::optional<Assembled> Assemble(const LoadOptions& options, FaultList& faults) {
  const std::string working_dir = ResolvePath(options.working_dir.empty() ? "." : options.working_dir,
                                              std::filesystem::current_path().string(), options.environment);
  Assembler assembler(working_dir, faults);
  Assembled out;
  std::vector<std::string> env_files;
  for (const std::string& file : options.env_files) {
    env_files.push_back(ResolvePath(file, working_dir, options.environment));
  }
  out.environment = assembler.ReadEnvironment(env_files, working_dir, options.environment, {});
  const std::vector<std::string> files = ComposeFiles(options, working_dir, out.environment);
  if (files.empty()) {
    faults.Add({}, absl::StrCat("no Compose file in ", working_dir,
                                " or above; write compose.yaml there, or name one with -f FILE"));
    return std::nullopt;
  }
  out.project_dir = files[0] == "-" ? working_dir : DirectoryOf(files[0]);
  if (env_files.empty() && out.project_dir != working_dir) {
    out.environment = assembler.ReadEnvironment({}, out.project_dir, out.environment, {});
  }

  std::optional<Node> name;
  FaultList ignored;
  for (const std::string& file : files) {
    if (file == "-") {
      continue;
    }
    for (const Node& document : Assembler(working_dir, ignored).Parse(file, out.project_dir, {})) {
      if (const Node* found = document.Find("name"); found != nullptr && found->is_scalar()) {
        name = *found;
      }
    }
  }
  ChooseProject(options, name ? &*name : nullptr, out, faults);
  out.environment["COMPOSE_PROJECT_NAME"] = out.project;

  out.profiles = options.profiles;
  if (out.profiles.empty()) {
    out.profiles = absl::StrSplit(Variable(out.environment, "COMPOSE_PROFILES"), ',', absl::SkipEmpty());
  }
  auto tree = assembler.LoadProject(files, out.project_dir, out.environment, {});
  if (!tree) {
    if (faults.ok()) {
      faults.Add({}, absl::StrCat(files[0], " is empty; begin with `services:`"));
    }
    return std::nullopt;
  }
  DropResets(*tree);
  out.tree = *std::move(tree);
  return out;
}

}  // namespace drover::compose
