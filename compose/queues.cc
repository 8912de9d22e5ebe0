// x-queues: what is measured, named once and used by any service.
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compose/schema.h"

namespace drover::compose {
namespace {

constexpr absl::string_view kUrlForm = "write \"redis://host:6379/0\"";

// redis[s]://[user@]host[:port][,host…][/db]
void ParseRedisUrl(const Node& node, v1::QueueSpec* queue, Reading& r) {
  auto fail = [&](absl::string_view what) { r.faults.Add(node.mark, absl::StrCat(what, "; ", kUrlForm)); };
  absl::string_view rest = node.text;
  if (absl::ConsumePrefix(&rest, "rediss://")) {
    queue->set_tls(true);
  } else if (!absl::ConsumePrefix(&rest, "redis://")) {
    return fail(absl::StrCat("\"", node.text, "\" is no Redis address"));
  }
  if (const size_t at = rest.rfind('@'); at != absl::string_view::npos) {
    const std::pair<std::string, std::string> user =
        absl::StrSplit(rest.substr(0, at), absl::MaxSplits(':', 1));
    rest.remove_prefix(at + 1);
    queue->set_username(user.first);
    if (!user.second.empty()) {
      r.faults.Add(node.mark,
                   "the password stands in the address, where everybody can read it; write password_file: "
                   "PATH, a file on the nodes");
    }
  }
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(rest, absl::MaxSplits('/', 1));
  uint32_t database = 0;
  if (!parts.second.empty() && !absl::SimpleAtoi(parts.second, &database)) {
    return fail(absl::StrCat("\"", parts.second, "\" is no database number"));
  }
  queue->set_database(database);
  for (absl::string_view host : absl::StrSplit(parts.first, ',')) {
    v1::Endpoint* endpoint = queue->add_endpoints();
    const size_t colon = host.rfind(':');
    uint32_t port = 6379;
    const bool ipv6 = absl::EndsWith(host, "]");
    if (colon != absl::string_view::npos && !ipv6) {
      if (!absl::SimpleAtoi(host.substr(colon + 1), &port) || port == 0 || port > 65535) {
        return fail(absl::StrCat("\"", host, "\" has no port number"));
      }
      host = host.substr(0, colon);
    }
    if (host.empty()) {
      return fail(absl::StrCat("\"", node.text, "\" has no host"));
    }
    endpoint->set_host(std::string(host));
    endpoint->set_port(port);
  }
}

void ReadQueue(const Entry& entry, Reading& r) {
  v1::QueueSpec queue;
  queue.set_name(entry.key);
  queue.set_kind(v1::QueueSpec::REDIS_LIST);
  bool refused = false;
  bool redis = false;
  auto later = [&](absl::string_view name) {
    return Key{name, [&](const Entry& e) {
                 refused = true;
                 r.faults.Add(e.mark, absl::StrCat("queues of kind ", e.key,
                                                   " are not built yet; name a Redis list: "
                                                   "`redis: \"redis://host:6379/0\"` and `key: NAME`"));
               }};
  };
  std::string key;
  std::vector<Key> keys = {{"redis",
                            [&](const Entry& e) {
                              redis = true;
                              if (ReadText(e.value, r.faults)) {
                                ParseRedisUrl(e.value, &queue, r);
                              }
                            }},
                           TextKey("key", r, &key),
                           {"type",
                            [&](const Entry& e) {
                              const auto type = ReadWord(e.value, {"list", "stream", "zset"}, r.faults);
                              if (type.value_or(0) != 0) {
                                r.faults.Add(e.value.mark, absl::StrCat("Redis type ", e.value.text,
                                                                        " is not built yet; write list"));
                              }
                            }},
                           TextKey("username", r, queue.mutable_username()),
                           TextKey("password_file", r, queue.mutable_password_file()),
                           later("celery"),
                           later("rq"),
                           later("http"),
                           later("prometheus")};
  if (entry.value.Find("redis") == nullptr) {
    // Keys of the kinds that are refused as a whole.
    for (absl::string_view name : {"queue", "queues", "management", "query", "group", "path"}) {
      keys.push_back({name, [](const Entry&) {}});
    }
  }
  ReadMap(entry.value, absl::StrCat("queue \"", entry.key, "\""), keys, r.faults);
  if (!redis && !refused && entry.value.is_map()) {
    r.faults.Add(entry.mark, absl::StrCat("queue \"", entry.key, "\" does not say where it is; ", kUrlForm,
                                          " under `redis:`"));
  }
  if (redis && key.empty()) {
    r.faults.Add(entry.mark,
                 absl::StrCat("queue \"", entry.key, "\" has no key; write `key: NAME`, the list's name"));
  }
  if (!queue.password_file().empty() && !absl::StartsWith(queue.password_file(), "/")) {
    r.faults.Add(entry.mark, "password_file is no absolute path; write where the file lies on the nodes");
  }
  queue.add_keys(key);
  r.queues[entry.key] = queue;
}

}  // namespace

void ReadQueues(const Entry& entry, Reading& r) {
  if (!entry.value.is_map()) {
    r.faults.Add(entry.value.mark, "x-queues is no map; write `x-queues: {jobs: {redis: …, key: jobs}}`");
    return;
  }
  for (const Entry& queue : entry.value.entries) {
    ReadQueue(queue, r);
  }
}

}  // namespace drover::compose
