/* SPDX-License-Identifier: MIT */
/*
 * ct.h - the C border between Go and libtorch.
 *
 * Conventions, the same for every function:
 *  - Each function that can fail returns its error itself: NULL is success, anything else is a malloc'ed string that
 *    the caller frees. Its first byte is the kind ('O' out of memory, 'E' everything else), the rest is the message
 *    without a C++ backtrace. There is no "last error": a goroutine may change threads between two calls.
 *  - A ct_tensor is an owned `at::Tensor*` (the same handle that gotorch uses). ct_free gives it back.
 *  - Functions that make a tensor fill a ct_ref: the handle and the token of the scope that is open on this OS thread,
 *    so that the Go side learns the owner without a second call.
 *  - A NULL ct_tensor argument means "none" where the function says so.
 */
#ifndef SEER_TORCH_CT_H
#define SEER_TORCH_CT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void *ct_tensor;

typedef struct {
  ct_tensor ptr;
  int64_t scope; /* 0: no scope is open on the calling thread */
} ct_ref;

enum { CT_MAX_DIMS = 8 };

typedef struct {
  int64_t sizes[CT_MAX_DIMS];
  int64_t numel;
  int32_t dim;
  int32_t dtype;        /* c10::ScalarType */
  int32_t device_type;  /* c10::DeviceType */
  int32_t device_index;
  int32_t requires_grad;
  int32_t channels_last; /* dense in channels-last order */
  int32_t contiguous;    /* dense in row-major order */
  int32_t element_size;
} ct_info;

/* ---- lifetime (tensor.cc) ---- */
void ct_free(ct_tensor t);
void ct_free_many(ct_tensor *ts, int64_t n);
ct_tensor ct_none(void); /* the undefined tensor, which every operation refuses; never to be freed */
int64_t ct_scope_swap(int64_t token); /* sets this thread's scope, returns the previous one */
int64_t ct_scope_token(void);
char *ct_tensor_info(ct_tensor t, ct_info *out);
char *ct_alias(ct_tensor t, ct_ref *out); /* a second handle to the same tensor */

/* ---- creation and host copies (tensor.cc) ---- */
typedef struct {
  int32_t dtype;
  int32_t device_type;
  int32_t device_index;
  int32_t pinned;
} ct_options;

enum { CT_EMPTY, CT_ZEROS, CT_ONES, CT_RAND, CT_RANDN };
char *ct_create(int kind, const int64_t *sizes, int n, ct_options o, ct_ref *out);
char *ct_full(const int64_t *sizes, int n, double value, ct_options o, ct_ref *out);
char *ct_from_bytes(const void *data, int64_t bytes, const int64_t *sizes, int n, int32_t dtype, ct_ref *out);
char *ct_read_bytes(ct_tensor t, void *dst, int64_t bytes);        /* row-major order, any device */
char *ct_write_bytes(ct_tensor t, const void *src, int64_t bytes); /* in place, no gradient */
char *ct_data_pointer(ct_tensor t, void **out);
char *ct_item(ct_tensor t, double *out);
char *ct_equal(ct_tensor a, ct_tensor b, int *out);

/* ---- operations (ops.cc); what gotorch does soundly is not repeated here ---- */
enum {
  CT_RELU, CT_RELU_, CT_EXP, CT_LOG, CT_SQRT, CT_RSQRT, CT_NEG, CT_ABS, CT_SQUARE, CT_ISFINITE,
  CT_LOGICAL_NOT, CT_DETACH, CT_CLONE, CT_CONTIGUOUS, CT_MAX, CT_MIN, CT_ANY, CT_ALL, CT_ZERO_,
  CT_EXP_, CT_SIGMOID_, CT_GELU
};
char *ct_unary(int op, ct_tensor x, ct_ref *out);

enum {
  CT_ADD, CT_ADD_, CT_SUB_, CT_MUL, CT_MUL_, CT_DIV, CT_DIV_, CT_MAXIMUM, CT_NE, CT_GT, CT_AND, CT_COPY_
};
char *ct_binary(int op, ct_tensor a, ct_tensor b, ct_ref *out);
char *ct_scalar(int op, ct_tensor x, double s, ct_ref *out);

enum { CT_RSUM, CT_RMEAN, CT_RAMAX, CT_RNORM, CT_RSTD };
char *ct_reduce(int op, ct_tensor x, const int64_t *dims, int n, int keepdim, ct_ref *out);

enum { CT_SOFTMAX, CT_UNSQUEEZE, CT_SQUEEZE };
char *ct_along(int op, ct_tensor x, int64_t dim, ct_ref *out);

enum { CT_RESHAPE, CT_EXPAND, CT_NARROW, CT_FLIP };
char *ct_shape(int op, ct_tensor x, const int64_t *ints, int n, ct_ref *out);

char *ct_cat(ct_tensor *ts, int n, int64_t dim, ct_ref *out);
char *ct_gather(ct_tensor x, int64_t dim, ct_tensor index, ct_ref *out);
char *ct_scatter_add_(ct_tensor x, int64_t dim, ct_tensor index, ct_tensor src, ct_ref *out);
char *ct_where(ct_tensor cond, ct_tensor a, ct_tensor b, ct_ref *out);
char *ct_bincount(ct_tensor x, int64_t minlength, ct_ref *out);
char *ct_svdvals(ct_tensor x, ct_ref *out);

typedef struct {
  int32_t dtype;         /* -1 keeps */
  int32_t device_type;   /* -1 keeps */
  int32_t device_index;
  int32_t memory_format; /* -1 keeps, 0 row-major, 1 channels-last */
  int32_t non_blocking;
} ct_to_options;
char *ct_to(ct_tensor x, ct_to_options o, ct_ref *out);
char *ct_set_channels_last_(ct_tensor x, int on); /* lays a leaf out anew; same values, same gradient history */

/* ---- layers (nn.cc) ---- */
char *ct_linear(ct_tensor x, ct_tensor w, ct_tensor bias_or_null, ct_ref *out);
char *ct_conv2d(ct_tensor x, ct_tensor w, ct_tensor bias_or_null, int64_t stride, int64_t padding, int64_t groups,
                ct_ref *out);
char *ct_batch_norm(ct_tensor x, ct_tensor w, ct_tensor b, ct_tensor mean_or_null, ct_tensor var_or_null, int training,
                    double momentum, double eps, ct_ref *out);
char *ct_adaptive_avg_pool2d(ct_tensor x, int64_t h, int64_t w, ct_ref *out);
char *ct_max_pool2d(ct_tensor x, int64_t kernel, int64_t stride, int64_t padding, ct_ref *out);
char *ct_avg_pool2d(ct_tensor x, int64_t kernel, int64_t stride, int64_t behind, ct_ref *out); /* zeros right and below count */
char *ct_resize_bicubic(ct_tensor x, int64_t h, int64_t w, ct_ref *out); /* antialiased */
char *ct_layer_norm(ct_tensor x, ct_tensor w, ct_tensor b, double eps, ct_ref *out); /* over the last dimension */
char *ct_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_ref *out); /* softmax(q kT / sqrt(d)) v */
char *ct_normalize(ct_tensor x, int64_t dim, double eps, ct_ref *out); /* x / max(|x|_2, eps) */
char *ct_cross_entropy(ct_tensor logits, ct_tensor target, ct_ref *out);
char *ct_pixels(ct_tensor u8, const double *mean, const double *std, int32_t dtype, int channels_last, ct_ref *out);
enum { CT_INIT_NORMAL, CT_INIT_UNIFORM, CT_INIT_TRUNCATED };
char *ct_init_(int kind, ct_tensor t, double a, double b);

/* ---- detection (detection.cc) ---- */
/* Regions of maps [N,C,H,W], of which each is scales[i] of the image in size: k rows of map, image, left, upper, right and
   lower border, in pixels of the image, become float32 [k,C,side,side]. sampling 0 takes a sample a pixel of the map. */
char *ct_roi_align(ct_tensor *maps, const double *scales, int n, const float *rows, int64_t k, int64_t side,
                   int64_t sampling, int aligned, ct_ref *out);
char *ct_conv_transpose2d(ct_tensor x, ct_tensor w, ct_tensor bias_or_null, int64_t stride, ct_ref *out);
char *ct_resize_nearest(ct_tensor x, int64_t h, int64_t w, ct_ref *out);
char *ct_smooth_l1(ct_tensor x, ct_tensor target, double beta, ct_ref *out); /* a sum; beta 0: |x - target| */
char *ct_binary_cross_entropy(ct_tensor logits, ct_tensor target, ct_ref *out); /* a sum */

/* ---- autograd and mixed precision (autograd.cc) ---- */
char *ct_set_requires_grad(ct_tensor t, int on);
char *ct_grad(ct_tensor t, ct_ref *out); /* out->ptr is NULL when there is no gradient */
char *ct_set_grad(ct_tensor t, ct_tensor grad_or_null);
char *ct_clear_grads(ct_tensor *ts, int n);
char *ct_backward(ct_tensor *ts, ct_tensor *grads_or_null, int n, int retain_graph);
int ct_grad_mode_swap(int on); /* thread-local; returns the previous value */
int ct_grad_mode(void);
typedef struct {
  int32_t enabled;
  int32_t dtype;
  int32_t cache;
} ct_autocast_state;
char *ct_autocast_enter(int32_t device_type, ct_autocast_state next, ct_autocast_state *previous);
char *ct_autocast_exit(int32_t device_type, ct_autocast_state previous);
char *ct_autocast_get(int32_t device_type, ct_autocast_state *out);

/* ---- a backward pass in segments (segments.cc) ---- */
char *ct_cut(ct_tensor x, ct_ref *out); /* the same memory as the begin of a graph, which keeps the gradient that arrives */
char *ct_take_cut_gradient(ct_tensor x, ct_ref *out); /* once; out->ptr is NULL when none has arrived */
char *ct_backward_from(ct_tensor *ts, ct_tensor *grads, int n); /* frees all of them: the handles hold no tensor then */

/* ---- products whose result is known already (kept.cc) ---- */
char *ct_conv2d_kept(ct_tensor kept, ct_tensor x, ct_tensor w, ct_tensor bias_or_null, int64_t stride, int64_t padding,
                     int64_t groups, ct_ref *out);
char *ct_linear_kept(ct_tensor kept, ct_tensor x, ct_tensor w, ct_tensor bias_or_null, ct_ref *out);

/* ---- what tensors take (memory.cc): an account of this thread's allocations, host and device together ---- */
void ct_account_open(void);
void ct_account_close(int64_t *kept, int64_t *peak); /* bytes above those at its opening: now, and at most */

/* ---- whole parameter lists in one call (foreach.cc) ---- */
char *ct_foreach_norms(ct_tensor *ts, int n, ct_ref *out); /* float32 [n] of 2-norms, on the tensors' device */
char *ct_foreach_copy_(ct_tensor *dst, ct_tensor *src, int n);
/* g[i] = (g[i] + decay[i] * p[i]) * rate[i]; rate and decay are float32 [n] on the tensors' device */
char *ct_foreach_adapt_(ct_tensor *grads, ct_tensor *params, int n, ct_tensor rate, ct_tensor decay);
/* g[i] += decay[i] * p[i] with host scalars */
char *ct_foreach_decay_(ct_tensor *grads, ct_tensor *params, int n, const double *decay);
/* buf[i] = momentum * buf[i] + g[i]; p[i] -= lr[i] * buf[i] */
char *ct_foreach_sgd_(ct_tensor *params, ct_tensor *grads, ct_tensor *buffers, int n, double momentum, int nesterov,
                      const double *lr);
char *ct_foreach_unscale_(ct_tensor *grads, int n, ct_tensor found_inf, ct_tensor inv_scale);
char *ct_update_scale_(ct_tensor scale, ct_tensor growth_tracker, ct_tensor found_inf, double growth, double backoff,
                       int64_t interval);

/* ---- the process: devices, threads, random state, memory (system.cc) ---- */
char *ct_load_cuda(const char *library); /* dlopen of libtorch_cuda; its message when it cannot be loaded */
int ct_cuda_count(void);
char *ct_synchronize(int32_t device_type, int32_t device_index);
// How GPUs compute: TF32 in convolutions of float32, and the same bits every time at the price of speed.
char *ct_set_cuda_math(int tf32, int deterministic);
void ct_set_threads(int n);
int ct_threads(void);
const char *ct_version(void);
uint64_t ct_header_sum(void); /* the first 8 bytes of the SHA-256 of this file as it was compiled, big-endian */
char *ct_manual_seed(uint64_t seed);
char *ct_rng_state(int32_t device_type, int32_t device_index, ct_ref *out);
char *ct_set_rng_state(int32_t device_type, int32_t device_index, ct_tensor state);
void ct_keep_freed_memory(void); /* host allocator: do not give large blocks back to the kernel */
char *ct_device_memory(int32_t device_index, int64_t *allocated, int64_t *peak, int64_t *reserved);

/* ---- many processes (dist.cc): c10d. A call blocks until it is done or its time-out has passed ---- */
typedef void *ct_store;
typedef void *ct_group;
typedef void *ct_work;
/* With server the process serves the store, at the port or, if listen_fd is not negative, at that listening socket. */
char *ct_store_open(const char *host, int port, int server, int listen_fd, double seconds, ct_store *out);
char *ct_store_set(ct_store s, const char *key, const void *data, int64_t n);
char *ct_store_get(ct_store s, const char *key, double seconds, void **out, int64_t *n); /* waits; *out is malloc'ed */
char *ct_store_has(ct_store s, const char *key, int *out);
void ct_store_free(ct_store s);
/* prefix tells the groups of a store apart; address is where the other members reach this one. */
char *ct_group_open(ct_store s, const char *prefix, const char *address, int rank, int size, double seconds,
                    ct_group *out);
/* A member of a group whose others exist on paper only: each is taken to have the same tensors as this one. */
char *ct_group_mirror(int rank, int size, ct_group *out);
char *ct_group_set_timeout(ct_group g, double seconds);
void ct_group_free(ct_group g);
/* Bytes of the tensors that this member has given to collectives, how many there were, and the seconds that it waited in
   them: for the others, and for the transfer. */
typedef struct {
  int64_t reduced, gathered, broadcast, calls;
  double waited;
} ct_traffic;
ct_traffic ct_group_traffic(ct_group g);
enum { CT_REDUCE_SUM, CT_REDUCE_MAX };
char *ct_all_reduce_(ct_group g, int op, ct_tensor x);
char *ct_all_gather(ct_group g, ct_tensor x, ct_ref *out); /* [size, ...] of equally shaped x */
char *ct_broadcast_(ct_group g, ct_tensor x, int root);
char *ct_broadcast_all_(ct_group g, ct_tensor *ts, int n, int root); /* of one type, in one message */
char *ct_barrier(ct_group g);
/* Begins to average a list of tensors of one type in one flat buffer; ct_average_finish waits, writes the averages over
   the tensors and frees the work, whether or not it fails. */
char *ct_average_start(ct_group g, ct_tensor *ts, int n, ct_work *out);
char *ct_average_finish(ct_work w);

/* ---- synchronised batch norm (syncnorm.cc): statistics of all members of a group, in training ---- */
char *ct_sync_batch_norm(ct_group g, ct_tensor x, ct_tensor w, ct_tensor b, ct_tensor mean_or_null,
                         ct_tensor var_or_null, double momentum, double eps, ct_ref *out);

#ifdef __cplusplus
}
#endif
#endif
