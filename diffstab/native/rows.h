/* Rows of pixels, LANES at a time, for one level. Included once for each, which defines LEVEL, TARGET and LANES, and
   WINDOW with its own functions if it samples the pixels together. A few chunks of LANES pixels are located before they
   are sampled, so that the branches on their windows don't wait for the displacement. Two rows go together. */
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

/* Coefficients in pixels and with the sign of the source; with one that is not finite all are NaN, as in a product of
   matrices. */
TARGET INLINE void FN(scale)(const Job *job, int64_t b, double *scaled) {
  const int64_t half = job->modes_x * job->modes_y;
  const float *coefficients = job->coefficients + b * 2 * half;
  int32_t bits, not_finite = 0;
  for (int64_t k = 0; k < 2 * half; k++) {
    memcpy(&bits, coefficients + k, 4);
    not_finite |= (bits & EXPONENT) == EXPONENT;
  }
  const double nothing = not_finite ? NAN : 0, across = (double)-job->width, down = (double)-job->height;
  for (int64_t k = 0; k < half; k++) {
    scaled[k] = across * coefficients[k] + nothing;
    scaled[half + k] = down * coefficients[half + k] + nothing;
  }
}

/* Sums over i of C_ij sin(i pi x) for each j: [2, J, padded]. */
TARGET static void FN(make_waves)(const Job *job, const double *scaled, double *waves) {
  const int64_t I = job->modes_x, J = job->modes_y, P = job->padded;
  for (int64_t w = 0; w < P; w += LANES)
    for (int64_t j = 0; j < J; j++) {
      const double *c = scaled + j, *sines = job->along_x + w;
      double *to = waves + j * P + w;
      Doubles across[2] = {{0}, {0}}, down[2] = {{0}, {0}};
      for (int64_t i = 0; i < I; i++, c += J, sines += P)
        for (int half = 0; half < 2; half++) {
          const Doubles sine = FN(read)(sines + half * LANES / 2);
          across[half] += *c * sine, down[half] += c[I * J] * sine;
        }
      for (int half = 0; half < 2; half++, to += LANES / 2) {
        memcpy(to, across + half, sizeof *across);
        memcpy(to + J * P, down + half, sizeof *down);
      }
    }
}

#ifdef WINDOW
/* Samples LANES pixels from the rows of their window in up to three channels; returns 1 if a value is NaN, or may be. */
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
  for (int c = 0; c < channels; c++) FN(write)(to + c * to_plane, sums[c], kind);
  for (int c = 0; plane > NEARBY && c < channels; c++) {
    __builtin_prefetch(from + c * plane + 2 * down);
    __builtin_prefetch(from + c * plane + 2 * down + 64);
    __builtin_prefetch(to + c * to_plane + 4 * down, 1);
  }
  return kind == FLOATS && FN(has_nan)(sums[0] + sums[1] + sums[2]);
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

/* The sources of LANES pixels from column w on, in one row or two. Rows share what is read of the waves. */
TARGET INLINE void FN(locate)(const Job *job, const double *waves, int64_t y, int64_t w, FN(Spot) *spots,
                              const int rows) {
  const int64_t J = job->modes_y, P = job->padded;
  const double *sines = job->along_y + y * J, *from = waves + w;
  Doubles dx[2][2] = {{{0}, {0}}, {{0}, {0}}}, dy[2][2] = {{{0}, {0}}, {{0}, {0}}};
  Whole lane;
  for (int k = 0; k < LANES; k++) lane[k] = k;
  for (int64_t j = 0; j < J; j++, from += P)
    for (int half = 0; half < 2; half++) {
      const Doubles u = FN(read)(from + half * LANES / 2), v = FN(read)(from + J * P + half * LANES / 2);
      for (int r = 0; r < rows; r++) dx[r][half] += sines[r * J + j] * u, dy[r][half] += sines[r * J + j] * v;
    }
  for (int r = 0; r < rows; r++) {
    FN(Spot) *spot = spots + r;
    FN(place)(dx[r][0], dx[r][1], lane + (int32_t)w, (int32_t)job->width - 1, &spot->x0, &spot->fx);
    FN(place)(dy[r][0], dy[r][1], (Whole){0} + (int32_t)(y + r), (int32_t)job->height - 1, &spot->y0, &spot->fy);
#ifdef WINDOW
    FN(frame)(job, spot);
#endif
  }
}

/* Samples one row of image b or two, from row y on; rows of the result are to_row bytes apart, its planes to_plane. */
TARGET INLINE void FN(sample)(const Job *job, const double *waves, int64_t b, int64_t y, char *to, int64_t to_row,
                              int64_t to_plane, const int rows, const int kind) {
  enum { TOGETHER = 4 };
  const int64_t W = job->width, chunks = (W + LANES - 1) / LANES, size = kind == FLOATS ? 4 : 1;
  FN(Spot) spots[2 * TOGETHER];
  for (int64_t start = 0; start < chunks; start += TOGETHER) {
    const int64_t count = chunks - start < TOGETHER ? chunks - start : TOGETHER;
    for (int64_t k = 0; k < count; k++)
      FN(locate)(job, waves, y, FN(column)(job, start + k), spots + k * rows, rows);
    for (int64_t k = 0; k < count * rows; k++) {
      const FN(Spot) *spot = spots + k;
      char *out = to + k % rows * to_row + FN(column)(job, start + k / rows) * size;
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

/* Rows y ... y + count - 1 of image b, one or two. Pixels are sampled as planes: colours, [C, 2, W]. */
TARGET INLINE void FN(strip)(const Job *job, const double *waves, int64_t b, int64_t y, char *colours, const int count,
                             const int kind) {
  const int64_t C = job->channels, H = job->height, W = job->width, size = kind == FLOATS ? 4 : 1;
  char *to = kind == PIXELS ? colours : job->out + (b * C * H + y) * W * size;
  const int64_t to_plane = kind == PIXELS ? 2 * W : H * W * size;
  FN(sample)(job, waves, b, y, to, W * size, to_plane, count, kind == PIXELS ? BYTES : kind);
  for (int64_t r = 0; kind == PIXELS && r < count; r++) {
    char *pixels = job->out + (b * H + y + r) * W * C;
    if (C == 3) FN(mix)(colours + r * W, pixels, W, to_plane, 3);
    else FN(mix)(colours + r * W, pixels, W, to_plane, 4);
  }
}

TARGET static void FN(rows)(Job *job, int64_t begin, int64_t end) {
  const Job own = *job; /* which no writing of pixels can change, as the compiler sees */
  const int64_t H = job->height, scaled_size = 2 * job->modes_x * job->modes_y;
  const int64_t waves_size = 2 * job->modes_y * job->padded;
  char *memory = calloc((size_t)(waves_size + scaled_size) * sizeof(double) + 64 +
                        (size_t)(2 * job->channels * job->width), 1);
  double *waves = (double *)(((uintptr_t)memory + 63) / 64 * 64); /* cache lines */
  double *scaled = waves + waves_size;
  char *colours = (char *)(scaled + scaled_size);
  int64_t made = -1;
  if (memory == NULL) job->failed = 1;
  for (int64_t n = begin, count; memory != NULL && n < end; n += count) {
    const int64_t b = n / H, y = n % H;
    count = n + 1 < end && y + 1 < H ? 2 : 1;
    if (b != made) FN(scale)(job, b, scaled), FN(make_waves)(job, scaled, waves);
    made = b;
#define STRIP(kind)                                                  \
  if (count == 2) FN(strip)(&own, waves, b, y, colours, 2, kind);    \
  else FN(strip)(&own, waves, b, y, colours, 1, kind);
    if (own.kind == FLOATS) { STRIP(FLOATS) }
    else if (own.kind == BYTES) { STRIP(BYTES) }
    else { STRIP(PIXELS) }
#undef STRIP
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
