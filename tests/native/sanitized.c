/* The kernel on random shapes and fields, for a compiler's address and undefined-behaviour sanitizers. */
#include "kernel.c"
#include <stdio.h>

static float share(void) { return (float)rand() / (float)RAND_MAX; }

static void one(int run, int64_t level, int64_t kind) {
  int64_t B = 1 + rand() % 2, C = kind == PIXELS ? 3 + rand() % 2 : 1 + rand() % 5, H = 2 + rand() % 40, W = 2 + rand() % 150;
  int64_t I = 1 + rand() % 6, J = 1 + rand() % 6, numbers = B * C * H * W, size = kind == FLOATS ? 4 : 1;
  char *images = malloc(numbers * size), *out = malloc(numbers * size); /* exactly as many: one more byte is an error */
  float *c = malloc(4 * B * 2 * I * J);
  const int64_t padded = (W + LANES_MOST - 1) / LANES_MOST * LANES_MOST;
  double *x = malloc(8 * I * padded), *y = malloc(8 * H * J);
  for (int64_t k = 0; k < numbers; k++) {
    const float value = share();
    if (size == 1) images[k] = (char)rand();
    else memcpy(images + 4 * k, &value, 4);
  }
  const float sizes[] = {0, 0.01f, 0.1f, 0.3f, 1e9f, 3e38f};
  for (int64_t k = 0; k < B * 2 * I * J; k++) c[k] = sizes[run % 6] * (share() - 0.5f);
  if (run % 20 == 7) c[0] = NAN;
  if (run % 20 == 8) c[0] = INFINITY;
  for (int64_t i = 0; i < I; i++) for (int64_t w = 0; w < padded; w++) x[i * padded + w] = sin(M_PI * (i + 1) * w / (W - 1));
  for (int64_t h = 0; h < H; h++) for (int64_t j = 0; j < J; j++) y[h * J + j] = sin(M_PI * (j + 1) * h / (H - 1));
  const int64_t told[8] = {B, C, H, W, I, J, kind, level};
  if (diffstab_deform(images, out, c, x, y, told, NULL)) exit(1);
  free(images), free(out), free(c), free(x), free(y);
}

static void words(int run, int64_t level) {
  const int64_t n = rand() % 60;
  int64_t *arrays[8];
  for (int k = 0; k < 8; k++) arrays[k] = malloc(8 * n + (n == 0));
  for (int k = 0; k < 4; k++) for (int64_t i = 0; i < n; i++) arrays[k][i] = rand();
  diffstab_philox(arrays, n, (uint64_t)run << 40, level, NULL);
  const uint64_t keys[3] = {(uint64_t)run, 7, 1};
  const int64_t images = rand() % 7, positions = rand() % 60;
  int64_t *image = calloc(images + 1, 8), *position = calloc(positions + 1, 8);
  double *out = malloc(8 * (2 * images * positions + (images * positions == 0)));
  diffstab_pairs(image, images, position, positions, keys, level, out);
  for (int k = 0; k < 8; k++) free(arrays[k]);
  free(image), free(position), free(out);
}

int main(int count, char **argument) {
  const int shapes = count > 1 ? atoi(argument[1]) : 100;
  srand(1);
  for (int run = 0; run < shapes; run++)
    for (int64_t level = PLAIN; level <= diffstab_level(); level++) {
      for (int64_t kind = FLOATS; kind <= PIXELS; kind++) one(run, level, kind);
      words(run, level);
    }
  printf("%d shapes\n", shapes);
  return 0;
}
