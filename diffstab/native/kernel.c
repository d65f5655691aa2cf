/* Deforms images on the CPU: displacement of a sine series and bilinear sampling in one pass, without a stored grid.

   Pixel (k, l) of the result is the image at (k - dx, l - dy), clamped to the frame, as in Eq. 15. Positions are
   float64, so values are right to 24 bits. rows.h computes a few neighbouring pixels together. Threads come from the
   caller. The value of a pixel depends only on its image, its field and the level, so it is the same for any number of
   threads and in any batch. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef DIFFSTAB_SOURCE
#define DIFFSTAB_SOURCE "unknown"
#endif
#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define FN(name) JOIN(name, LEVEL)
#define VECTORS(level, lanes)                                              \
  typedef float Floats_##level __attribute__((vector_size(4 * (lanes)))); \
  typedef double Doubles_##level __attribute__((vector_size(4 * (lanes)))); \
  typedef int32_t Whole_##level __attribute__((vector_size(4 * (lanes))));

enum { FLOATS, BYTES, PIXELS }; /* [C, H, W] of float32 or of bytes, [H, W, C] of bytes */
enum { PLAIN, AVX2, AVX512 };   /* levels, in the order of library.py */
enum { MOST_ROWS = 12, WINDOW_AVX2 = 16, WINDOW_AVX512 = 32 }; /* of windows, in pixels */
enum { LANES_MOST = 16, AT_ONCE = 16 };
enum { NEARBY = 1 << 15 };       /* bytes: smaller planes are in the nearest cache, and need no fetching ahead */
enum { EXPONENT = 0x7f800000 }; /* bits of a float32; all of them in infinity and NaN */
static const double FAR = 1e6; /* pixels; beyond every frame, and below the largest int32 */

/* One call. Coefficients [B, 2, I, J] are dimensionless; sines along_x [I, padded] and along_y [H, J]. */
typedef struct {
  const char *images;
  char *out;
  const float *coefficients;
  const double *along_x, *along_y;
  int64_t count, channels, height, width, modes_x, modes_y, kind, level;
  int64_t padded; /* numbers in a row of waves: the width, up to whole chunks of any level */
  int failed;     /* for want of memory */
} Job;

/* One call for random words. */
typedef struct {
  const int64_t *in[4];
  int64_t *out[4];
  uint64_t seed;
  int64_t level;
} Words;

/* One call for random numbers: image [images] and position [positions] with draw and purpose are the counters. */
typedef struct {
  const int64_t *image, *position;
  int64_t images, positions;
  uint64_t seed, draw, purpose;
  double *out;
} Pairs;

/* Cells and shares of n pixels. The weight of a pixel outside the frame is 0; it is left out, since it would make 0
   times infinity. */
typedef struct {
  const int32_t *x0, *y0;
  const float *fx, *fy;
  int64_t b, n;
} Places;

INLINE float number(const char *place, const int kind) {
  float value;
  if (kind == BYTES) return *(const uint8_t *)place;
  memcpy(&value, place, 4);
  return value;
}

INLINE void one_by_one(const Job *job, const Places at, char *out, int64_t out_plane, const int kind) {
  const int64_t W = job->width, H = job->height, size = kind == FLOATS ? 4 : 1, down = W * size, plane = H * down;
  const char *image = job->images + at.b * job->channels * plane;
  for (int64_t k = 0; k < at.n; k++) {
    const float right = at.fx[k], left = 1 - right, lower = at.fy[k], upper = 1 - lower;
    const int inside_x = at.x0[k] < W - 1, inside_y = at.y0[k] < H - 1;
    const char *from = image + at.y0[k] * down + at.x0[k] * size;
    char *to = out + k * size;
    for (int64_t c = 0; c < job->channels; c++, from += plane, to += out_plane) {
      float sum = upper * left * number(from, kind);
      if (inside_x) sum += upper * right * number(from + size, kind);
      if (inside_y) sum += lower * left * number(from + down, kind);
      if (inside_x && inside_y) sum += lower * right * number(from + down + size, kind);
      if (kind == FLOATS) memcpy(to, &sum, 4);
      else *(uint8_t *)to = (uint8_t)lrintf(sum);
    }
  }
}

#define LEVEL plain
#define TARGET
#define LANES 8
VECTORS(plain, LANES)

/* Cell 0 ... last and share 0 ... 1 of the positions at + d, clamped; NaN becomes the first cell. */
INLINE void place_plain(Doubles_plain low, Doubles_plain high, Whole_plain at, int32_t last, Whole_plain *cell,
                        Floats_plain *share) {
  for (int k = 0; k < LANES; k++) {
    double d = k < LANES / 2 ? low[k] : high[k - LANES / 2];
    d = d > -FAR ? d : -FAR; /* NaN too */
    d = d < FAR ? d : FAR;
    const int32_t zero = (int32_t)d, least = zero - (zero > d), found = at[k] + least;
    (*cell)[k] = found < 0 ? 0 : found < last ? found : last;
    (*share)[k] = found < 0 || found >= last ? 0 : (float)(d - least);
  }
}

#include "rows.h"

#if defined(__x86_64__) || defined(_M_X64)
#define X86
#include <immintrin.h>
#include "avx2.h"
#include "avx512.h"
#endif

typedef void (*Part)(Job *, int64_t, int64_t);

static void run(Job *job, int64_t begin, int64_t end, const Part parts[3]) {
  int64_t level = job->level; /* the windows of the better levels need wide images */
  if (level == AVX512 && job->width < WINDOW_AVX512) level = AVX2;
  if (level == AVX2 && job->width < WINDOW_AVX2) level = PLAIN;
  parts[level](job, begin, end);
}

#ifdef X86
#define LEVELS(name) {name##_plain, name##_avx2, name##_avx512}
#else
#define LEVELS(name) {name##_plain, name##_plain, name##_plain}
#endif

/* Rows begin ... end - 1, numbered through all images: their pixels, and before that their planes of colours. */
static void rows(int64_t begin, int64_t end, void *job) { run(job, begin, end, (const Part[])LEVELS(rows)); }
static void planes(int64_t begin, int64_t end, void *job) { run(job, begin, end, (const Part[])LEVELS(planes)); }

/* torch_parallel_for of libtorch: begin, end, least number in a part, function and its argument. */
typedef void (*Loop)(int64_t, int64_t, void *);
typedef int32_t (*ParallelFor)(int64_t, int64_t, int64_t, Loop, void *);

static void over(int64_t n, int64_t least, Loop part, void *context, ParallelFor parallel) {
  if (parallel) parallel(0, n, least, part, context);
  else part(0, n, context);
}

/* Deforms a batch; returns 0, or 1 for want of memory. Numbers: B, C, H, W, I, J, kind, level. */
EXPORT int32_t diffstab_deform(const void *images, void *out, const float *coefficients, const double *along_x,
                               const double *along_y, const int64_t *numbers, ParallelFor parallel) {
  const int64_t B = numbers[0], C = numbers[1], H = numbers[2], W = numbers[3], kind = numbers[6];
  const int64_t least = 32768 / (W * (C + 1)) + 1;
  const int64_t padded = (W + LANES_MOST - 1) / LANES_MOST * LANES_MOST;
  Job job = {images, out,        coefficients, along_x, along_y,    B,      C, H,
             W,      numbers[4], numbers[5],   kind,    numbers[7], padded, 0};
  char *separate = kind == PIXELS ? malloc((size_t)(B * C * H * W)) : NULL;
  if (kind == PIXELS && separate == NULL) return 1;
  if (kind == PIXELS) {
    job.out = separate; /* of the planes, which are the images of the next loop */
    over(B * H, least, planes, &job, parallel);
    job.images = separate, job.out = out;
  }
  over(B * H, least, rows, &job, parallel);
  free(separate);
  return job.failed;
}

static void some_words(int64_t begin, int64_t end, void *context) {
  const Words *words = context;
  void (*const parts[])(const Words *, int64_t, int64_t) = LEVELS(words);
  parts[words->level](words, begin, end);
}

/* Random words for n counters, in the memory of one call: four arrays of counters, then four of words. */
EXPORT void diffstab_philox(int64_t *const *arrays, int64_t n, uint64_t seed, int64_t level, ParallelFor parallel) {
  Words words = {{0}, {0}, seed, level};
  for (int word = 0; word < 4; word++) words.in[word] = arrays[word], words.out[word] = arrays[4 + word];
  over(n, 16384, some_words, &words, parallel);
}

/* Two random numbers in (0, 1) for each of B images and P positions: [B, 2, P]. Keys: seed, draw, purpose. */
EXPORT void diffstab_pairs(const int64_t *image, int64_t B, const int64_t *position, int64_t P, const uint64_t *keys,
                           int64_t level, double *out) {
  const Pairs pairs = {image, position, B, P, keys[0], keys[1], keys[2], out};
  void (*const all[])(const Pairs *) = LEVELS(pairs);
  if (P > 0) all[level](&pairs);
}

/* Digest of the files that this was compiled from. */
EXPORT const char *diffstab_source(void) { return DIFFSTAB_SOURCE; }

/* The best level of this processor. */
EXPORT int32_t diffstab_level(void) {
#ifdef X86
  __builtin_cpu_init();
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return avx2 && wide ? AVX512 : avx2 ? AVX2 : PLAIN;
#else
  return PLAIN;
#endif
}
