// x-queues: what is measured, named once and used by any service.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compose/schema.h"
#include "compose/url.h"

namespace drover::compose {
namespace {

constexpr absl::string_view kRedisForm = "write \"redis://host:6379/0\"";
constexpr absl::string_view kHttpForm = "write \"http://host:9090\" or \"https://host\"";
constexpr absl::string_view kPasswordShown =
    "the password stands in the address, where everybody can read it; write password_file: PATH, a file on "
    "the nodes";

// redis[s]://[user@]host[:port][,host…][/db]
void ParseRedisUrl(const Node& node, v1::QueueSpec* queue, Reading& r) {
  auto fail = [&](absl::string_view what) { r.faults.Add(node.mark, absl::StrCat(what, "; ", kRedisForm)); };
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
      r.faults.Add(node.mark, std::string(kPasswordShown));
    }
  }
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(rest, absl::MaxSplits('/', 1));
  uint32_t database = 0;
  if (!parts.second.empty() && !absl::SimpleAtoi(parts.second, &database)) {
    return fail(absl::StrCat("\"", parts.second, "\" is no database number"));
  }
  queue->set_database(database);
  for (absl::string_view text : absl::StrSplit(parts.first, ',')) {
    HostPort server;
    if (const std::string wrong = ParseHostPort(text, 6379, &server); !wrong.empty()) {
      return fail(wrong);
    }
    v1::Endpoint* endpoint = queue->add_endpoints();
    endpoint->set_host(server.host);
    endpoint->set_port(server.port);
  }
}

void ParseUrl(const Node& node, v1::QueueSpec* queue, Reading& r) {
  HttpUrl url;
  if (const std::string wrong = ParseHttpUrl(node.text, &url); !wrong.empty()) {
    r.faults.Add(node.mark, absl::StrCat(wrong, "; ", kHttpForm));
    return;
  }
  if (!url.user_info.empty()) {
    r.faults.Add(node.mark, absl::StrContains(url.user_info, ':')
                                ? std::string(kPasswordShown)
                                : "the address names a user; write username: NAME beside it");
    return;
  }
  queue->set_url(node.text);
  queue->set_tls(url.tls);
  v1::Endpoint* endpoint = queue->add_endpoints();
  endpoint->set_host(url.server.host);
  endpoint->set_port(url.server.port);
}

// One entry of x-queues while it is read.
class QueueReader {
 public:
  QueueReader(const Entry& entry, Reading& r) : entry_(entry), r_(r) {
    queue_.set_name(entry.key);
    queue_.set_kind(v1::QueueSpec::REDIS_LIST);
  }

  v1::QueueSpec Read() {
    struct Source {
      absl::string_view key;
      void (QueueReader::*read)();
    };

    const std::vector<Source> sources = {
        {"redis", &QueueReader::Redis},      {"http", &QueueReader::Http},
        {"prometheus", &QueueReader::Query}, {"external", &QueueReader::External},
        {"pushed", &QueueReader::Pushed},    {"celery", &QueueReader::Unbuilt},
        {"rq", &QueueReader::Unbuilt}};
    std::vector<Source> written;
    for (const Source& source : sources) {
      if (entry_.value.Find(source.key) != nullptr) {
        written.push_back(source);
      }
    }
    if (written.size() == 1) {
      (this->*written.front().read)();
    } else if (written.size() > 1) {
      const std::string names = absl::StrJoin(
          written, " and ", [](std::string* out, const Source& s) { absl::StrAppend(out, s.key); });
      r_.faults.Add(entry_.mark, absl::StrCat("queue \"", entry_.key, "\" names ", names,
                                              "; a queue has one source, write two queues"));
    } else if (entry_.value.is_map()) {
      r_.faults.Add(entry_.mark,
                    absl::StrCat("queue \"", entry_.key, "\" does not say where it is; ", kRedisForm,
                                 " under `redis:`, or one of http, prometheus, external, pushed"));
    } else {
      ReadMap(entry_.value, What(), {}, r_.faults);
    }
    return std::move(queue_);
  }

 private:
  std::string What() const { return absl::StrCat("queue \"", entry_.key, "\""); }

  void Redis() {
    std::vector<Key> keys = {Address("redis", ParseRedisUrl),
                             TextKey("key", r_, queue_.add_keys()),
                             Type(),
                             TextKey("group", r_, queue_.mutable_group()),
                             TextKey("username", r_, queue_.mutable_username()),
                             File("password_file", queue_.mutable_password_file()),
                             Interval()};
    ReadMap(entry_.value, What(), keys, r_.faults);
    if (queue_.keys(0).empty()) {
      r_.faults.Add(entry_.mark,
                    absl::StrCat(What(), " has no key; write `key: NAME`, the name of the list"));
    }
    if (const Node* group = entry_.value.Find("group");
        group != nullptr && queue_.kind() != v1::QueueSpec::REDIS_STREAM) {
      r_.faults.Add(group->mark, "a group belongs to a stream; write `type: stream` beside it");
    }
  }

  void Http() {
    queue_.set_kind(v1::QueueSpec::HTTP_JSON);
    ReadHttp({Address("http", ParseUrl), TextKey("json", r_, queue_.mutable_query())}, "json",
             "write `json: /path/to/number` or `json: path.to.number`");
  }

  void Query() {
    queue_.set_kind(v1::QueueSpec::PROMETHEUS);
    ReadHttp({Address("prometheus", ParseUrl), TextKey("query", r_, queue_.mutable_query())}, "query",
             "write `query: sum(jobs_waiting)`, which gives one number");
  }

  void ReadHttp(std::vector<Key> keys, absl::string_view needed, absl::string_view form) {
    for (Key& key : std::vector<Key>{TextKey("username", r_, queue_.mutable_username()),
                                     File("password_file", queue_.mutable_password_file()),
                                     File("bearer_token_file", queue_.mutable_bearer_token_file()),
                                     File("ca_file", queue_.mutable_ca_file()), Interval(), Timeout()}) {
      keys.push_back(std::move(key));
    }
    ReadMap(entry_.value, What(), keys, r_.faults);
    if (queue_.query().empty()) {
      r_.faults.Add(entry_.mark, absl::StrCat(What(), " has no ", needed, "; ", form));
    }
    if (!queue_.bearer_token_file().empty() &&
        !(queue_.username().empty() && queue_.password_file().empty())) {
      r_.faults.Add(entry_.value.Find("bearer_token_file")->mark,
                    "a request carries a token or a user, not both; remove one of them");
    }
    if (queue_.username().empty() != queue_.password_file().empty()) {
      r_.faults.Add(entry_.mark, absl::StrCat(What(), " needs username and password_file together"));
    }
    if (!queue_.url().empty() && !queue_.tls() && !queue_.ca_file().empty()) {
      r_.faults.Add(entry_.value.Find("ca_file")->mark,
                    "ca_file has no meaning without TLS; write an https:// address");
    }
  }

  void External() {
    queue_.set_kind(v1::QueueSpec::EXTERNAL);
    const auto address = [](const Node& node, v1::QueueSpec* queue, Reading& r) {
      HostPort server;
      if (const std::string wrong = ParseHostPort(node.text, 0, &server); !wrong.empty()) {
        r.faults.Add(node.mark, absl::StrCat(wrong, "; write \"host:port\" of the scaler's gRPC server"));
        return;
      }
      queue->set_url(node.text);
      queue->add_endpoints()->set_host(server.host);
      queue->mutable_endpoints(0)->set_port(server.port);
    };
    const Key tls = {
        "tls", [this](const Entry& e) { queue_.set_tls(ReadBool(e.value, r_.faults).value_or(false)); }};
    ReadMap(entry_.value, What(),
            {Address("external", address), TextKey("metric", r_, queue_.mutable_query()),
             MapKey("metadata", r_, queue_.mutable_metadata()), tls,
             File("ca_file", queue_.mutable_ca_file()), Interval(), Timeout()},
            r_.faults);
    if (!queue_.tls() && !queue_.ca_file().empty()) {
      r_.faults.Add(entry_.value.Find("ca_file")->mark,
                    "ca_file has no meaning without TLS; write tls: true");
    }
  }

  void Pushed() {
    queue_.set_kind(v1::QueueSpec::PUSHED);
    const auto name = [this](const Entry& e) {
      queue_.set_pushed(ReadText(e.value, r_.faults).value_or(""));
      if (!IsMetricName(queue_.pushed())) {
        r_.faults.Add(e.value.mark, "a pushed metric's name is 1 to 63 letters, digits, - _ and .");
      }
    };
    ReadMap(entry_.value, What(),
            {{"pushed", name},
             Limited("stale_after", absl::Seconds(1), absl::Hours(24), "1s to 24h",
                     [this] { return queue_.mutable_stale_after(); })},
            r_.faults);
  }

  // Kinds with a name and no reader yet.
  void Unbuilt() {
    const auto is_kind = [](const Entry& e) { return e.key == "celery" || e.key == "rq"; };
    const auto& entries = entry_.value.entries;
    const auto kind = std::find_if(entries.begin(), entries.end(), is_kind);
    r_.faults.Add(kind->mark, absl::StrCat("queues of kind ", kind->key,
                                           " are not built yet; name a Redis list: `redis: "
                                           "\"redis://host:6379/0\"` and `key: NAME`"));
  }

  static bool IsMetricName(absl::string_view name) {
    return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    });
  }

  Key Address(absl::string_view name, std::function<void(const Node&, v1::QueueSpec*, Reading&)> parse) {
    return {name, [this, parse = std::move(parse)](const Entry& e) {
              if (ReadText(e.value, r_.faults)) {
                parse(e.value, &queue_, r_);
              }
            }};
  }

  Key Type() {
    return {"type", [this](const Entry& e) {
              constexpr v1::QueueSpec::Kind kKinds[] = {
                  v1::QueueSpec::REDIS_LIST, v1::QueueSpec::REDIS_STREAM, v1::QueueSpec::REDIS_ZSET};
              if (const auto type = ReadWord(e.value, {"list", "stream", "zset"}, r_.faults)) {
                queue_.set_kind(kKinds[*type]);
              }
            }};
  }

  Key File(absl::string_view name, std::string* target) {
    return {name, [this, target](const Entry& e) {
              *target = ReadText(e.value, r_.faults).value_or("");
              if (!target->empty() && !absl::StartsWith(*target, "/")) {
                r_.faults.Add(e.value.mark, absl::StrCat(e.key,
                                                         " is no absolute path; write where the file "
                                                         "lies on the nodes"));
              }
            }};
  }

  Key Limited(absl::string_view name, absl::Duration least, absl::Duration most, absl::string_view range,
              std::function<google::protobuf::Duration*()> target) {
    return {name, [this, least, most, range, target = std::move(target)](const Entry& e) {
              const auto value = ReadDuration(e.value, r_.faults);
              if (value && (*value < least || *value > most)) {
                r_.faults.Add(e.value.mark, absl::StrCat(e.key, " is out of range; write ", range));
              } else if (value) {
                *target() = ToProto(*value);
              }
            }};
  }

  Key Interval() {
    return Limited("interval", absl::Milliseconds(100), absl::Minutes(10), "100ms to 10m",
                   [this] { return queue_.mutable_interval(); });
  }

  Key Timeout() {
    return Limited("timeout", absl::Milliseconds(100), absl::Minutes(1), "100ms to 1m",
                   [this] { return queue_.mutable_timeout(); });
  }

  const Entry& entry_;
  Reading& r_;
  v1::QueueSpec queue_;
};

}  // namespace

void ReadQueues(const Entry& entry, Reading& r) {
  if (!entry.value.is_map()) {
    r.faults.Add(entry.value.mark, "x-queues is no map; write `x-queues: {jobs: {redis: …, key: jobs}}`");
    return;
  }
  for (const Entry& queue : entry.value.entries) {
    r.queues[queue.key] = QueueReader(queue, r).Read();
  }
}

}  // namespace drover::compose
