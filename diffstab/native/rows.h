/* Rows of pixels, LANES at a time, for one level. Included once for each, which defines LEVEL, TARGET and LANES, and
   WINDOW with its own functions if it samples the pixels together. */
#define Floats FN(Floats)
#define Whole FN(Whole)
#define Doubles FN(Doubles)

TARGET INLINE Doubles FN(read)(const double *from) {
  Doubles values;
  memcpy(&values, from, sizeof values);
  return values;
}

/* Cell 0 ... last and share 0 ... 1 of the positions at + d, clamped; NaN becomes the first cell. */
TARGET INLINE void FN(place)(Doubles low, Doubles high, Whole at, int32_t last, Whole *cell, Floats *share) {
  Whole k;
  Floats f;
  FN(split)(low, high, &k, &f);
  k += at;
  const Whole below = k < 0, above = k >= last;
  *share = (Floats)((Whole)f & ~(below | above));
  *cell = (k & ~(below | above)) | (last & above);
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
/* Samples LANES pixels from rows top ... top + rows - 1 of up to three channels, read in order and shuffled. */
TARGET INLINE void FN(sum)(const char *from, char *to, int64_t down, int64_t plane, int top, int rows, Whole index, Floats fx,
                           Whole y0, Floats fy, FN(Mask) inside, const int channels, const int kind) {
  const Floats left = 1 - fx, upper = 1 - fy, corners[4] = {upper * left, upper * fx, fy * left, fy * fx};
  const int near = FN(near)(index);
  Floats sums[3] = {{0}, {0}, {0}}, u, v;
  FN(Mask) before = FN(equal)(y0, -1);
  for (int r = 0; r < rows; r++, from += down) {
    const FN(Mask) here = FN(equal)(y0, top + r), either = here | before;
    const Floats wu = FN(weight)(here, corners[0], before, corners[2]);
    const Floats wv = FN(weight)(here, corners[1], before, corners[3]);
    for (int c = 0; c < channels; c++) {
      FN(pair)(from + c * plane, index, near, either, either & inside, kind, &u, &v);
      sums[c] += wu * u;
      sums[c] += wv * v;
    }
    before = here;
  }
  for (int c = 0; c < channels; c++) {
    __builtin_prefetch(from + c * plane + 2 * down);
    __builtin_prefetch(from + c * plane + 2 * down + 64);
    __builtin_prefetch(to + c * plane + 4 * down, 1);
    FN(write)(to + c * plane, sums[c], kind);
  }
}

/* Samples LANES pixels of row y from column w on, if their sources lie in a window of the image; else returns 0. */
TARGET INLINE int FN(together)(const Job *job, Whole x0, Floats fx, Whole y0, Floats fy, int64_t b, int64_t y, int64_t w,
                               const int kind) {
  const int W = (int)job->width, H = (int)job->height, size = kind == FLOATS ? 4 : 1;
  const int left = FN(lowest)(x0), top = FN(lowest)(y0), bottom = FN(highest)(y0);
  const int base = left < W - WINDOW ? left : W - WINDOW;
  const int rows = (bottom < H - 1 ? bottom + 2 : H) - top;
  if (rows > MOST_ROWS || (base < W - WINDOW && FN(highest)(x0) - base > WINDOW - 2)) return 0;
  const int64_t C = job->channels, down = (int64_t)W * size, plane = H * down;
  const char *from = job->images + b * C * plane + top * down + base * size;
  char *to = job->out + b * C * plane + y * down + w * size;
  const Whole index = x0 - base;
  const FN(Mask) inside = ~FN(equal)(x0, W - 1);
  int64_t c = 0;
  for (; c + 3 <= C; c += 3)
    FN(sum)(from + c * plane, to + c * plane, down, plane, top, rows, index, fx, y0, fy, inside, 3, kind);
  for (; c < C; c++) FN(sum)(from + c * plane, to + c * plane, down, plane, top, rows, index, fx, y0, fy, inside, 1, kind);
  return 1;
}
#endif

TARGET INLINE void FN(row)(const Job *job, const double *waves, int64_t b, int64_t y, const int kind) {
  const int64_t W = job->width, J = job->modes_y, P = job->padded;
  const double *sines = job->along_y + y * J;
  Whole lane;
  for (int k = 0; k < LANES; k++) lane[k] = k;
  for (int64_t start = 0; start < W; start += LANES) {
    const int64_t over = start + LANES - W, w = over <= 0 ? start : W > LANES ? start - over : 0;
    Doubles dx[2] = {{0}, {0}}, dy[2] = {{0}, {0}};
    const double *from = waves + w;
    for (int64_t j = 0; j < J; j++, from += P)
      for (int half = 0; half < 2; half++) {
        dx[half] += sines[j] * FN(read)(from + half * LANES / 2);
        dy[half] += sines[j] * FN(read)(from + J * P + half * LANES / 2);
      }
    Floats fx, fy;
    Whole x0, y0;
    FN(place)(dx[0], dx[1], lane + (int32_t)w, (int32_t)W - 1, &x0, &fx);
    FN(place)(dy[0], dy[1], (Whole){0} + (int32_t)y, (int32_t)job->height - 1, &y0, &fy);
#ifdef WINDOW
    if (kind != PIXELS && FN(together)(job, x0, fx, y0, fy, b, y, w, kind)) continue;
#endif
    const Places at = {(int32_t *)&x0, (int32_t *)&y0, (float *)&fx, (float *)&fy, b, y, w, W < LANES ? W : LANES};
    if (kind != PIXELS) one_by_one(job, at, kind);
    else if (job->channels == 3) in_colour(job, at, 3);
    else in_colour(job, at, 4);
  }
}

TARGET static void FN(rows)(Job *job, int64_t begin, int64_t end) {
  double *waves = calloc((size_t)(2 * job->modes_y * job->padded), sizeof(double));
  int64_t made = -1;
  if (waves == NULL) job->failed = 1;
  for (int64_t n = begin; waves != NULL && n < end; n++) {
    const int64_t b = n / job->height, y = n % job->height;
    if (b != made) FN(make_waves)(job, b, waves);
    made = b;
    if (job->kind == FLOATS) FN(row)(job, waves, b, y, FLOATS);
    else if (job->kind == BYTES) FN(row)(job, waves, b, y, BYTES);
    else FN(row)(job, waves, b, y, PIXELS);
  }
  free(waves);
}
#include "philox.h"
#undef Floats
#undef Whole
#undef Doubles
#undef LEVEL
#undef TARGET
#undef LANES
#undef WINDOW
