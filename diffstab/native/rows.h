/* Rows of pixels, LANES at a time, for one level. Included once for each, which defines LEVEL, TARGET and LANES, and
   WINDOW with its own functions if it samples the pixels together. A few chunks of LANES pixels are located before they
   are sampled, so that the branches on their windows don't wait for the displacement. */
#define Floats FN(Floats)
#define Whole FN(Whole)
#define Doubles FN(Doubles)

/* Sources of LANES pixels: cells and shares, and the window of the image that has them all. */
typedef struct {
  Whole x0, y0;
  Floats fx, fy;
  int top, base, rows;
} FN(Spot);

TARGET INLINE Doubles FN(read)(const double *from) {
  Doubles values;
  memcpy(&values, from, sizeof values);
  return values;
}

/* Sums over i of C_ij sin(i pi x) for each j, in pixels and with the sign of the source: [2, J, padded]. With one
   coefficient that is not finite all are NaN, as in a product of matrices. */
TARGET static void FN(make_waves)(const Job *job, int64_t b, double *waves) {
  const int64_t I = job->modes_x, J = job->modes_y, W = job->width;
  const float *coefficients = job->coefficients + b * 2 * I * J;
  double nothing = 0;
  for (int64_t k = 0; k < 2 * I * J; k++) nothing += 0 * coefficients[k];
  for (int64_t a = 0; a < 2; a++)
    for (int64_t j = 0; j < J; j++) {
      double *to = waves + (a * J + j) * job->padded;
      for (int64_t i = 0; i < I; i++) {
        const double c = -(double)(a ? job->height : W) * coefficients[(a * I + i) * J + j] + nothing;
        const double *wave = job->along_x + i * W;
        if (i == 0) for (int64_t w = 0; w < W; w++) to[w] = c * wave[w];
        else for (int64_t w = 0; w < W; w++) to[w] += c * wave[w];
      }
    }
}

#ifdef WINDOW
/* Samples LANES pixels from the rows of their window in up to three channels; returns 1 if a value is NaN. */
TARGET INLINE int FN(sum)(const FN(Spot) *spot, const char *from, int64_t down, int64_t plane, char *to,
                          int64_t to_plane, const int channels, const int kind) {
  const Whole index = spot->x0 - spot->base;
  const Floats left = 1 - spot->fx, upper = 1 - spot->fy;
  const Floats corners[4] = {upper * left, upper * spot->fx, spot->fy * left, spot->fy * spot->fx};
  const int near = FN(near)(index);
  Floats sums[3] = {{0}, {0}, {0}}, u, v;
  FN(Mask) before = FN(equal)(spot->y0, -1);
  for (int r = 0; r < spot->rows; r++, from += down) {
    const FN(Mask) here = FN(equal)(spot->y0, spot->top + r);
    const Floats wu = FN(weight)(here, corners[0], before, corners[2]);
    const Floats wv = FN(weight)(here, corners[1], before, corners[3]);
    for (int c = 0; c < channels; c++) {
      FN(pair)(from + c * plane, index, near, kind, &u, &v);
      sums[c] += wu * u;
      sums[c] += wv * v;
    }
    before = here;
  }
  int nan = 0;
  for (int c = 0; c < channels; c++) {
    __builtin_prefetch(from + c * plane + 2 * down);
    __builtin_prefetch(from + c * plane + 2 * down + 64);
    __builtin_prefetch(to + c * to_plane + 4 * down, 1);
    if (kind == FLOATS) nan |= FN(has_nan)(sums[c]);
    FN(write)(to + c * to_plane, sums[c], kind);
  }
  return nan;
}

/* The window of the image that the sources lie in; without rows if they lie too far apart. */
TARGET INLINE void FN(frame)(const Job *job, FN(Spot) *spot) {
  const int W = (int)job->width, H = (int)job->height;
  const int left = FN(lowest)(spot->x0), right = FN(highest)(spot->x0), bottom = FN(highest)(spot->y0);
  spot->top = FN(lowest)(spot->y0);
  spot->base = left < W - WINDOW ? left : W - WINDOW;
  spot->rows = (bottom < H - 1 ? bottom + 2 : H) - spot->top;
  if (spot->rows > MOST_ROWS || (spot->base < W - WINDOW && right - spot->base > WINDOW - 2)) spot->rows = 0;
}

/* Samples LANES pixels; returns 0 if they must be sampled one by one. NaN is such a case, since it may come from 0
   times a value that is not finite and does not belong to the pixel. */
TARGET INLINE int FN(together)(const Job *job, const FN(Spot) *spot, int64_t b, char *to, int64_t to_plane,
                               const int kind) {
  const int64_t C = job->channels, size = kind == FLOATS ? 4 : 1, down = job->width * size, plane = job->height * down;
  const char *from = job->images + b * C * plane + spot->top * down + spot->base * size;
  int64_t c = 0;
  int nan = 0;
  if (spot->rows == 0) return 0;
  for (; c + 3 <= C; c += 3) nan |= FN(sum)(spot, from + c * plane, down, plane, to + c * to_plane, to_plane, 3, kind);
  for (; c < C; c++) nan |= FN(sum)(spot, from + c * plane, down, plane, to + c * to_plane, to_plane, 1, kind);
  return !nan;
}
#endif

TARGET INLINE int64_t FN(column)(const Job *job, int64_t chunk) {
  const int64_t w = chunk * LANES, last = job->width - LANES;
  return w < last ? w : last > 0 ? last : 0;
}

/* The sources of LANES pixels of row y, from column w on. */
TARGET INLINE void FN(locate)(const Job *job, const double *waves, int64_t y, int64_t w, FN(Spot) *spot) {
  const int64_t J = job->modes_y, P = job->padded;
  const double *sines = job->along_y + y * J, *from = waves + w;
  Doubles dx[2] = {{0}, {0}}, dy[2] = {{0}, {0}};
  Whole lane;
  for (int k = 0; k < LANES; k++) lane[k] = k;
  for (int64_t j = 0; j < J; j++, from += P)
    for (int half = 0; half < 2; half++) {
      dx[half] += sines[j] * FN(read)(from + half * LANES / 2);
      dy[half] += sines[j] * FN(read)(from + J * P + half * LANES / 2);
    }
  FN(place)(dx[0], dx[1], lane + (int32_t)w, (int32_t)job->width - 1, &spot->x0, &spot->fx);
  FN(place)(dy[0], dy[1], (Whole){0} + (int32_t)y, (int32_t)job->height - 1, &spot->y0, &spot->fy);
}

/* Samples row y of image b; planes of the result are to_plane bytes apart. */
TARGET INLINE void FN(row)(const Job *job, const double *waves, int64_t b, int64_t y, char *to, int64_t to_plane,
                           const int kind) {
  enum { TOGETHER = 8 };
  const int64_t W = job->width, chunks = (W + LANES - 1) / LANES, size = kind == FLOATS ? 4 : 1;
  FN(Spot) spots[TOGETHER];
  for (int64_t start = 0; start < chunks; start += TOGETHER) {
    const int64_t count = chunks - start < TOGETHER ? chunks - start : TOGETHER;
    for (int64_t k = 0; k < count; k++) {
      FN(locate)(job, waves, y, FN(column)(job, start + k), spots + k);
#ifdef WINDOW
      FN(frame)(job, spots + k);
#endif
    }
    for (int64_t k = 0; k < count; k++) {
      const FN(Spot) *spot = spots + k;
      char *out = to + FN(column)(job, start + k) * size;
#ifdef WINDOW
      if (FN(together)(job, spot, b, out, to_plane, kind)) continue;
#endif
      const int32_t *x0 = (int32_t *)&spot->x0, *y0 = (int32_t *)&spot->y0;
      const Places at = {x0, y0, (float *)&spot->fx, (float *)&spot->fy, b, W < LANES ? W : LANES};
      one_by_one(job, at, out, to_plane, kind);
    }
  }
}

/* Moves n pixels between [n, channels] and planes. */
TARGET INLINE void FN(separate)(const char *pixels, char *planes, int64_t n, int64_t plane, const int channels) {
  for (int64_t k = 0; k < n; k++)
    for (int c = 0; c < channels; c++) planes[c * plane + k] = pixels[k * channels + c];
}

TARGET INLINE void FN(mix)(const char *planes, char *pixels, int64_t n, int64_t plane, const int channels) {
  for (int64_t k = 0; k < n; k++)
    for (int c = 0; c < channels; c++) pixels[k * channels + c] = planes[c * plane + k];
}

TARGET static void FN(planes)(Job *job, int64_t begin, int64_t end) {
  const int64_t C = job->channels, H = job->height, W = job->width;
  for (int64_t n = begin; n < end; n++) {
    const char *from = job->images + n * W * C;
    char *to = job->out + n / H * C * H * W + n % H * W;
    if (C == 3) FN(separate)(from, to, W, H * W, 3);
    else FN(separate)(from, to, W, H * W, 4);
  }
}

TARGET static void FN(rows)(Job *job, int64_t begin, int64_t end) {
  const int64_t C = job->channels, H = job->height, W = job->width, size = job->kind == FLOATS ? 4 : 1;
  const size_t waves_size = (size_t)(2 * job->modes_y * job->padded) * sizeof(double);
  char *memory = calloc(waves_size + 64 + (size_t)(C * W), 1);
  double *waves = (double *)(((uintptr_t)memory + 63) / 64 * 64); /* cache lines */
  char *colours = (char *)waves + waves_size;                     /* a row of pixels, [C, W] */
  int64_t made = -1;
  if (memory == NULL) job->failed = 1;
  for (int64_t n = begin; memory != NULL && n < end; n++) {
    const int64_t b = n / H, y = n % H;
    char *to = job->out + (b * C * H + y) * W * size;
    if (b != made) FN(make_waves)(job, b, waves);
    made = b;
    if (job->kind == FLOATS) FN(row)(job, waves, b, y, to, H * W * 4, FLOATS);
    else if (job->kind == BYTES) FN(row)(job, waves, b, y, to, H * W, BYTES);
    else {
      FN(row)(job, waves, b, y, colours, W, BYTES);
      if (C == 3) FN(mix)(colours, job->out + n * W * C, W, W, 3);
      else FN(mix)(colours, job->out + n * W * C, W, W, 4);
    }
  }
  free(memory);
}
#include "philox.h"
#undef Floats
#undef Whole
#undef Doubles
#undef LEVEL
#undef TARGET
#undef LANES
#undef WINDOW
