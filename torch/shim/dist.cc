// SPDX-License-Identifier: MIT
// dist.cc - many processes over c10d: a store where they meet, groups, and collectives over Gloo and NCCL.
#include "dist.h"

#include <c10/util/Logging.h>
#include <dlfcn.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "guard.h"
#include "nccl/nccl.h"

using namespace seer;

namespace {

using Store = c10::intrusive_ptr<c10d::Store>;

Store &store(ct_store s) { return *static_cast<Store *>(s); }

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

void all_reduce(Group &g, c10d::ReduceOp::RedOpType op, at::Tensor x) {
  c10d::AllreduceOptions o;
  o.reduceOp = op;
  g.traffic.reduced += static_cast<int64_t>(x.nbytes());
  g.traffic.calls++;
  std::vector<at::Tensor> xs{std::move(x)};
  g.finish(*g.on(xs[0]).allreduce(xs, o));
}

// The library lies beside this one, wherever that was found.
seer_nccl_open_t *nccl() {
  static auto open = []() -> seer_nccl_open_t * {
    Dl_info self;
    TORCH_CHECK(dladdr(reinterpret_cast<void *>(&nccl), &self) != 0, "the shim does not find itself");
    std::string path = self.dli_fname;
    path = path.substr(0, path.rfind('/') + 1) + "libseernccl.so";
    auto library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    TORCH_CHECK(library != nullptr, "NCCL is not there, over which tensors on a GPU travel: ", dlerror());
    auto found = reinterpret_cast<seer_nccl_open_t *>(dlsym(library, "seer_nccl_open"));
    TORCH_CHECK(found != nullptr, path, " is of another version of seer");
    return found;
  }();
  return open;
}

void broadcast(Group &g, at::Tensor x, int root) {
  c10d::BroadcastOptions o;
  o.rootRank = root;
  g.traffic.broadcast += static_cast<int64_t>(x.nbytes());
  g.traffic.calls++;
  std::vector<at::Tensor> xs{std::move(x)};
  g.finish(*g.on(xs[0]).broadcast(xs, o));
}

// flattened is room for tensors in one piece, and its views of their shapes.
std::tuple<at::Tensor, std::vector<at::Tensor>> flattened(const std::vector<at::Tensor> &tensors) {
  int64_t total = 0, from = 0;
  for (auto &t : tensors) total += t.numel();
  auto flat = at::empty(at::IntArrayRef{total}, tensors.at(0).options());
  std::vector<at::Tensor> views;
  for (auto &t : tensors) {
    views.push_back(flat.narrow(0, from, t.numel()).view(t.sizes()));
    from += t.numel();
  }
  return {flat, views};
}

// Done is a collective that needs nobody.
struct Done : c10d::Work {
  bool wait(std::chrono::milliseconds) override { return true; }
};

// Mirror is a group whose other members have what this one has. (PyTorch's FakeProcessGroup needs Python's headers, and
// leaves sums as they are, so that nothing which follows from them means anything.)
struct Mirror : c10d::Backend {
  using Backend::Backend;
  using Pending = c10::intrusive_ptr<c10d::Work>;

  Pending allreduce(std::vector<at::Tensor> &tensors, const c10d::AllreduceOptions &o) override {
    if (o.reduceOp == c10d::ReduceOp::SUM)
      for (auto &t : tensors) t.mul_(getSize());
    return c10::make_intrusive<Done>();
  }

  Pending _allgather_base(at::Tensor &out, at::Tensor &in, const c10d::AllgatherOptions &) override {
    out.view({getSize(), -1}).copy_(in.view({1, -1}));
    return c10::make_intrusive<Done>();
  }

  Pending broadcast(std::vector<at::Tensor> &, const c10d::BroadcastOptions &) override { return c10::make_intrusive<Done>(); }
  Pending barrier(const c10d::BarrierOptions &) override { return c10::make_intrusive<Done>(); }
  void setTimeout(std::chrono::milliseconds) override {}
};

// c10d writes what it throws, and every attempt to connect, to standard error as well, with a stack each. Whoever looks for
// a fault in it sets TORCH_CPP_LOG_LEVEL.
void keep_quiet() {
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = c10::GLOG_FATAL;
}

// Work is an average that is under way: views of the flat buffer have the shapes of the tensors.
struct Work {
  at::Tensor flat;
  std::vector<at::Tensor> views, tensors;
  c10::intrusive_ptr<c10d::Work> pending;
  Group *group;
};

}  // namespace

namespace seer {

c10d::Backend &Group::on(const at::Tensor &x) {
  if (x.is_cpu()) return *host;
  if (!device) nccl()(c10::make_intrusive<c10d::PrefixStore>("nccl", store), rank, size, seconds, device);
  return *device;
}

void Group::sum_(at::Tensor x) { all_reduce(*this, c10d::ReduceOp::SUM, std::move(x)); }

at::Tensor Group::gather(const at::Tensor &x) {
  auto shape = x.sizes().vec();
  shape.insert(shape.begin(), size);
  // Gloo tells the members' parts apart in the first dimension.
  auto in = x.detach().reshape({-1}).contiguous(), out = at::empty({size * in.numel()}, in.options());
  traffic.gathered += static_cast<int64_t>(in.nbytes());
  traffic.calls++;
  finish(*on(in)._allgather_base(out, in));
  return out.view(shape);
}

}  // namespace seer

extern "C" {

char *ct_store_open(const char *host, int port, int server, int listen_fd, double seconds, ct_store *out) {
  return guard([&] {
    keep_quiet();
    c10d::TCPStoreOptions o;
    o.port = static_cast<std::uint16_t>(port);
    o.isServer = server != 0;
    o.waitWorkers = false;
    o.timeout = milliseconds(seconds);
    if (server != 0 && listen_fd >= 0) o.masterListenFd = listen_fd;
    *out = new Store(c10::make_intrusive<c10d::TCPStore>(std::string(host), o));
  });
}

char *ct_store_set(ct_store s, const char *key, const void *data, int64_t n) {
  return guard([&] {
    auto bytes = static_cast<const uint8_t *>(data);
    store(s)->set(key, std::vector<uint8_t>(bytes, bytes + n));
  });
}

char *ct_store_get(ct_store s, const char *key, double seconds, void **out, int64_t *n) {
  return guard([&] {
    store(s)->wait({key}, milliseconds(seconds));
    auto value = store(s)->get(key);
    *n = static_cast<int64_t>(value.size());
    *out = std::malloc(value.size() + 1);
    TORCH_CHECK(*out != nullptr, "host memory is exhausted");
    if (!value.empty()) std::memcpy(*out, value.data(), value.size());
  });
}

char *ct_store_has(ct_store s, const char *key, int *out) {
  return guard([&] { *out = store(s)->check({key}); });
}

void ct_store_free(ct_store s) { delete static_cast<Store *>(s); }

char *ct_group_open(ct_store s, const char *prefix, const char *address, int rank, int size, double seconds,
                    ct_group *out) {
  return guard([&] {
    auto o = c10d::ProcessGroupGloo::Options::create(milliseconds(seconds));
    o->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    auto own = c10::make_intrusive<c10d::PrefixStore>(prefix, store(s));
    *out = new Group{own, c10::make_intrusive<c10d::ProcessGroupGloo>(own, rank, size, o), nullptr, rank, size, seconds};
  });
}

char *ct_group_mirror(int rank, int size, ct_group *out) {
  return guard([&] {
    auto mirror = c10::make_intrusive<Mirror>(rank, size);
    *out = new Group{nullptr, mirror, mirror, rank, size, 0};
  });
}

ct_traffic ct_group_traffic(ct_group g) { return group(g).traffic; }

char *ct_group_set_timeout(ct_group g, double seconds) {
  return guard([&] {
    group(g).seconds = seconds;
    group(g).host->setTimeout(milliseconds(seconds));
    if (group(g).device) group(g).device->setTimeout(milliseconds(seconds));
  });
}

void ct_group_free(ct_group g) { delete static_cast<Group *>(g); }

char *ct_all_reduce_(ct_group g, int op, ct_tensor x) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto in = ref(x).contiguous();  // Gloo wants row-major order
    all_reduce(group(g), op == CT_REDUCE_MAX ? c10d::ReduceOp::MAX : c10d::ReduceOp::SUM, in);
    if (!in.is_same(ref(x))) ref(x).copy_(in);
  });
}

char *ct_all_gather(ct_group g, ct_tensor x, ct_ref *out) {
  return guard([&] {
    at::NoGradGuard no_grad;
    put(out, group(g).gather(ref(x)));
  });
}

char *ct_broadcast_(ct_group g, ct_tensor x, int root) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto in = ref(x).detach().contiguous();
    broadcast(group(g), in, root);
    if (!in.is_alias_of(ref(x))) ref(x).copy_(in);
  });
}

char *ct_broadcast_all_(ct_group g, ct_tensor *ts, int n, int root) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto tensors = list(ts, n);
    auto [flat, views] = flattened(tensors);
    if (group(g).rank == root) at::_foreach_copy_(views, tensors);
    broadcast(group(g), flat, root);
    if (group(g).rank != root) at::_foreach_copy_(tensors, views);
  });
}

char *ct_barrier(ct_group g) {
  return guard([&] { group(g).finish(*group(g).host->barrier()); });
}

char *ct_average_start(ct_group g, ct_tensor *ts, int n, ct_work *out) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto w = std::make_unique<Work>();
    w->tensors = list(ts, n);
    w->group = &group(g);
    std::tie(w->flat, w->views) = flattened(w->tensors);
    at::_foreach_copy_(w->views, w->tensors);
    group(g).traffic.reduced += static_cast<int64_t>(w->flat.nbytes());
    group(g).traffic.calls++;
    std::vector<at::Tensor> xs{w->flat};
    w->pending = group(g).on(w->flat).allreduce(xs);
    *out = w.release();
  });
}

char *ct_average_finish(ct_work work) {
  std::unique_ptr<Work> w(static_cast<Work *>(work));
  return guard([&] {
    at::NoGradGuard no_grad;
    w->group->finish(*w->pending);
    w->flat.div_(w->group->size);
    at::_foreach_copy_(w->tensors, w->views);
  });
}

}  // extern "C"
