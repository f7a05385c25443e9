// SPDX-License-Identifier: MIT
// detection.cc - what detectors need besides the layers of trunks. RoIAlign (Mask R-CNN, arXiv 1703.06870, section 3) has a
// kernel of its own on the CPU: put together from grid_sampler it takes four times as long, and torchvision's, which is
// compared with, walks over one channel after the other on one thread. This one works on channels-last maps, where a sample
// is four rows of channels, and gives the same bits with any number of threads. Other devices use grid_sampler.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cmath>
#include <map>

#include "guard.h"

using namespace seer;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

// Region is a box that is looked up: on a map, in one of its images, in the map's pixels.
struct Region {
  int64_t map, image;
  float x, y, cell_w, cell_h;  // left and upper border; sides of a cell
  int samples_x, samples_y;    // in a cell
};

// Sample is a place between two pixels in one direction. Outside of the map both weights are 0.
struct Sample {
  int64_t low, high;
  float w_low, w_high;
};

struct Align {
  int64_t side, sampling;
  bool aligned;

  Region region(const float *r, double scale) const {
    float offset = aligned ? 0.5f : 0.0f, s = static_cast<float>(scale);
    float x0 = r[2] * s - offset, y0 = r[3] * s - offset, x1 = r[4] * s - offset, y1 = r[5] * s - offset;
    float w = x1 - x0, h = y1 - y0;
    if (!aligned) w = std::max(w, 1.0f), h = std::max(h, 1.0f);
    Region g{static_cast<int64_t>(r[0]), static_cast<int64_t>(r[1]), x0, y0, w / side, h / side, 0, 0};
    g.samples_x = sampling > 0 ? sampling : std::max(0, static_cast<int>(std::ceil(w / side)));
    g.samples_y = sampling > 0 ? sampling : std::max(0, static_cast<int>(std::ceil(h / side)));
    return g;
  }
};

// axis lists the samples of all cells in one direction. Up to a pixel beyond the border counts as the border.
void axis(std::vector<Sample> &out, float from, float cell, int64_t cells, int samples, int64_t size) {
  out.clear();
  for (int64_t i = 0; i < cells; i++) {
    for (int k = 0; k < samples; k++) {
      float at = from + i * cell + (k + 0.5f) * cell / samples;
      if (at < -1.0f || at > size) {
        out.push_back({0, 0, 0, 0});
        continue;
      }
      at = std::max(at, 0.0f);
      int64_t low = static_cast<int64_t>(at);
      if (low >= size - 1) {
        out.push_back({size - 1, size - 1, 1, 0});
      } else {
        float share = at - low;
        out.push_back({low, low + 1, 1 - share, share});
      }
    }
  }
}

// each calls f(cell, count, four offsets, four weights) for every sample of a region that lies within the map of height h
// and width w.
template <class F>
void each(const Region &g, int64_t side, int64_t h, int64_t w, std::vector<Sample> &xs, std::vector<Sample> &ys, F &&f) {
  axis(xs, g.x, g.cell_w, side, g.samples_x, w);
  axis(ys, g.y, g.cell_h, side, g.samples_y, h);
  for (int64_t cell = 0; cell < side * side; cell++) {
    for (int iy = 0; iy < g.samples_y; iy++) {
      auto &y = ys[cell / side * g.samples_y + iy];
      if (y.w_low == 0 && y.w_high == 0) continue;
      for (int ix = 0; ix < g.samples_x; ix++) {
        auto &x = xs[cell % side * g.samples_x + ix];
        if (x.w_low == 0 && x.w_high == 0) continue;
        f(cell, y.low * w + x.low, y.low * w + x.high, y.high * w + x.low, y.high * w + x.high, y.w_low * x.w_low,
          y.w_low * x.w_high, y.w_high * x.w_low, y.w_high * x.w_high);
      }
    }
  }
}

std::vector<Region> regions(const at::Tensor &rows, const std::vector<double> &scales, const Align &align,
                            const std::vector<at::Tensor> &maps) {
  std::vector<Region> all;
  auto *r = rows.data_ptr<float>();
  for (int64_t k = 0; k < rows.size(0); k++, r += 6) {
    TORCH_CHECK(r[0] >= 0 && r[0] < maps.size(), "region ", k, " is on map ", r[0], " of ", maps.size());
    auto &m = maps[static_cast<size_t>(r[0])];
    TORCH_CHECK(r[1] >= 0 && r[1] < m.size(0), "region ", k, " is in image ", r[1], " of ", m.size(0));
    for (int i = 2; i < 6; i++)
      TORCH_CHECK(std::abs(r[i]) < 1e7f, "region ", k, " has a border at ", r[i]);  // NaN fails too
    all.push_back(align.region(r, scales[static_cast<size_t>(r[0])]));
  }
  return all;
}

at::Tensor rows_last(const at::Tensor &x) { return x.to(at::kFloat).permute({0, 2, 3, 1}).contiguous(); }

struct RoIAlign : torch::autograd::Function<RoIAlign> {
  static at::Tensor forward(AutogradContext *ctx, const at::TensorList &maps, const at::Tensor &rows,
                            const std::vector<double> &scales, int64_t side, int64_t sampling, bool aligned) {
    Align align{side, sampling, aligned};
    std::vector<at::Tensor> xs;
    std::vector<int64_t> sizes, types, formats;
    for (auto &m : maps) {
      xs.push_back(rows_last(m));
      auto s = m.sizes();
      sizes.insert(sizes.end(), s.begin(), s.end());
      types.push_back(static_cast<int64_t>(m.scalar_type()));
      formats.push_back(static_cast<int64_t>(m.suggest_memory_format()));
    }
    auto all = regions(rows, scales, align, maps.vec());
    int64_t channels = xs[0].size(3);
    auto out = at::zeros({rows.size(0), side, side, channels}, xs[0].options());
    auto *o = out.data_ptr<float>();
    at::parallel_for(0, all.size(), 1, [&](int64_t begin, int64_t end) {
      std::vector<Sample> ax, ay;
      for (int64_t k = begin; k < end; k++) {
        auto &g = all[k];
        auto &x = xs[g.map];
        int64_t h = x.size(1), w = x.size(2);
        auto *p = x.data_ptr<float>() + g.image * h * w * channels;
        auto *to = o + k * side * side * channels;
        each(g, side, h, w, ax, ay, [&](int64_t cell, int64_t i1, int64_t i2, int64_t i3, int64_t i4, float w1, float w2, float w3, float w4) {
          auto *a = p + i1 * channels, *b = p + i2 * channels, *c = p + i3 * channels, *d = p + i4 * channels;
          auto *t = to + cell * channels;
          for (int64_t j = 0; j < channels; j++) t[j] += w1 * a[j] + w2 * b[j] + w3 * c[j] + w4 * d[j];
        });
        float count = std::max(1, g.samples_x * g.samples_y);
        for (int64_t j = 0; j < side * side * channels; j++) to[j] /= count;
      }
    });
    ctx->save_for_backward({rows});
    ctx->saved_data["scales"] = scales;
    ctx->saved_data["sizes"] = sizes;
    ctx->saved_data["types"] = types;
    ctx->saved_data["formats"] = formats;
    ctx->saved_data["align"] = std::vector<int64_t>{side, sampling, aligned};
    return out.permute({0, 3, 1, 2});
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    auto rows = ctx->get_saved_variables()[0];
    auto scales = ctx->saved_data["scales"].toDoubleVector();
    auto sizes = ctx->saved_data["sizes"].toIntVector(), types = ctx->saved_data["types"].toIntVector();
    auto formats = ctx->saved_data["formats"].toIntVector(), settings = ctx->saved_data["align"].toIntVector();
    Align align{settings[0], settings[1], settings[2] != 0};
    auto dy = rows_last(grads[0]);
    std::vector<at::Tensor> dxs;
    int64_t channels = dy.size(3), side = align.side;
    for (size_t i = 0; i < scales.size(); i++) {
      auto *s = sizes.data() + 4 * i;
      dxs.push_back(at::zeros({s[0], s[2], s[3], s[1]}, dy.options()));
    }
    std::vector<Region> all;
    auto *r = rows.data_ptr<float>();
    for (int64_t k = 0; k < rows.size(0); k++, r += 6) all.push_back(align.region(r, scales[static_cast<size_t>(r[0])]));
    auto *g0 = dy.data_ptr<float>();
    // Each thread has channels of its own: regions overlap.
    at::parallel_for(0, channels, std::max<int64_t>(16, channels / std::max(1, at::get_num_threads())), [&](int64_t begin, int64_t end) {
      std::vector<Sample> ax, ay;
      for (size_t k = 0; k < all.size(); k++) {
        auto &g = all[k];
        auto &x = dxs[g.map];
        int64_t h = x.size(1), w = x.size(2);
        auto *p = x.data_ptr<float>() + g.image * h * w * channels;
        auto *from = g0 + k * side * side * channels;
        float share = 1.0f / std::max(1, g.samples_x * g.samples_y);
        each(g, side, h, w, ax, ay, [&](int64_t cell, int64_t i1, int64_t i2, int64_t i3, int64_t i4, float w1, float w2, float w3, float w4) {
          w1 *= share, w2 *= share, w3 *= share, w4 *= share;
          auto *a = p + i1 * channels, *b = p + i2 * channels, *c = p + i3 * channels, *d = p + i4 * channels;
          auto *t = from + cell * channels;
          for (int64_t j = begin; j < end; j++) a[j] += w1 * t[j];
          for (int64_t j = begin; j < end; j++) b[j] += w2 * t[j];
          for (int64_t j = begin; j < end; j++) c[j] += w3 * t[j];
          for (int64_t j = begin; j < end; j++) d[j] += w4 * t[j];
        });
      }
    });
    variable_list out;
    for (size_t i = 0; i < dxs.size(); i++) {
      auto format = static_cast<at::MemoryFormat>(formats[i]);
      out.push_back(dxs[i].permute({0, 3, 1, 2}).to(static_cast<at::ScalarType>(types[i])).contiguous(format));
    }
    for (int i = 0; i < 5; i++) out.emplace_back();
    return out;
  }
};

// composed is RoIAlign by grid_sampler, for the regions of one image and map with the same number of samples.
at::Tensor composed(const at::Tensor &image, const std::vector<Region> &all, int64_t side) {
  int64_t h = image.size(2), w = image.size(3), k = all.size(), sy = all[0].samples_y, sx = all[0].samples_x;
  if (sy * sx == 0) return at::zeros({k, image.size(1), side, side}, image.options());
  auto host = at::empty({k, 4}, at::kFloat);
  for (int64_t i = 0; i < k; i++) {
    float v[4] = {all[i].x, all[i].y, all[i].cell_w, all[i].cell_h};
    std::copy(v, v + 4, host.data_ptr<float>() + 4 * i);
  }
  auto b = host.to(image.device());
  auto places = [&](int64_t column, int64_t samples) {
    auto steps = (at::arange(side * samples, b.options()) + 0.5) / static_cast<double>(samples);
    return b.narrow(1, column, 1) + steps * b.narrow(1, column + 2, 1);
  };
  auto x = places(0, sx), y = places(1, sy);
  auto inside = [](const at::Tensor &v, int64_t size) { return (v >= -1.0).logical_and(v <= static_cast<double>(size)); };
  auto along = [](const at::Tensor &v, int64_t size) { return v.clamp(0, size - 1) * (2.0 / std::max<int64_t>(size - 1, 1)) - 1.0; };
  const std::array<int64_t, 3> grid{k, side * sy, side * sx};
  auto points = at::stack({along(x, w).unsqueeze(1).expand(grid), along(y, h).unsqueeze(2).expand(grid)}, 3);
  auto v = at::grid_sampler_2d(image, points.view({1, k * side * sy, side * sx, 2}), 0, 1, true);
  v = v.view({image.size(1), k, side * sy, side * sx}) * inside(y, h).unsqueeze(2).logical_and(inside(x, w).unsqueeze(1)).to(v.scalar_type());
  return v.view({image.size(1), k, side, sy, side, sx}).mean({3, 5}).transpose(0, 1);
}

at::Tensor composed_all(const std::vector<at::Tensor> &maps, const std::vector<Region> &all, int64_t side) {
  std::map<std::array<int64_t, 4>, std::vector<int64_t>> groups;
  for (size_t k = 0; k < all.size(); k++)
    groups[{all[k].map, all[k].image, all[k].samples_y, all[k].samples_x}].push_back(k);
  std::vector<at::Tensor> parts;
  std::vector<int64_t> order(all.size());
  int64_t n = 0;
  for (auto &[key, members] : groups) {
    std::vector<Region> some;
    for (auto k : members) {
      some.push_back(all[k]);
      order[k] = n++;
    }
    parts.push_back(composed(maps[key[0]].narrow(0, key[1], 1).to(at::kFloat), some, side));
  }
  auto index = at::tensor(order, at::kLong).to(maps[0].device());
  auto out = at::cat(parts).index_select(0, index);
  // A sum over nothing: a map that no region is in gets zeros as its gradient, as from the kernel.
  for (auto &m : maps) out = out + m.narrow(0, 0, 0).sum().to(at::kFloat);
  return out;
}

}  // namespace

extern "C" {

char *ct_roi_align(ct_tensor *maps, const double *scales, int n, const float *rows, int64_t k, int64_t side,
                   int64_t sampling, int aligned, ct_ref *out) {
  return guard([&] {
    auto all = list(maps, n);
    std::vector<double> s(scales, scales + n);
    if (k == 0) return put(out, at::zeros({0, all[0].size(1), side, side}, all[0].options().dtype(at::kFloat)));
    auto table = at::empty({k, 6}, at::kFloat);
    std::copy(rows, rows + 6 * k, table.data_ptr<float>());
    if (all[0].is_cpu()) return put(out, RoIAlign::apply(at::TensorList(all), table, s, side, sampling, aligned != 0));
    put(out, composed_all(all, regions(table, s, Align{side, sampling, aligned != 0}, all), side));
  });
}

char *ct_conv_transpose2d(ct_tensor x, ct_tensor w, ct_tensor b, int64_t stride, ct_ref *out) {
  return guard([&] { put(out, at::conv_transpose2d(ref(x), ref(w), optional(b), at::IntArrayRef{stride, stride})); });
}

char *ct_resize_nearest(ct_tensor x, int64_t h, int64_t w, ct_ref *out) {
  return guard([&] { put(out, at::upsample_nearest2d(ref(x), at::IntArrayRef{h, w})); });
}

char *ct_smooth_l1(ct_tensor x, ct_tensor target, double beta, ct_ref *out) {
  return guard([&] {
    put(out, beta > 0 ? at::smooth_l1_loss(ref(x), ref(target), at::Reduction::Sum, beta)
                      : at::l1_loss(ref(x), ref(target), at::Reduction::Sum));
  });
}

char *ct_binary_cross_entropy(ct_tensor x, ct_tensor target, ct_ref *out) {
  return guard([&] {
    put(out, at::binary_cross_entropy_with_logits(ref(x), ref(target), {}, {}, at::Reduction::Sum));
  });
}

}  // extern "C"
