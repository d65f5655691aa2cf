/* Philox4x32-10 (Salmon et al., SC 2011) for one level; streams.py says what its counters are. Included by rows.h. */

/* AT_ONCE counters of four words of 32 bits become as many words of random bits; all are held in 64 bits. */
TARGET INLINE void FN(rounds)(uint64_t c[4][AT_ONCE], uint64_t seed) {
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
    for (int k = 0; k < AT_ONCE; k++) {
      const uint64_t p0 = c[0][k] * 0xD2511F53u, p1 = c[2][k] * 0xCD9E8D57u;
      c[0][k] = (p1 >> 32) ^ c[1][k] ^ k0, c[1][k] = (uint32_t)p1;
      c[2][k] = (p0 >> 32) ^ c[3][k] ^ k1, c[3][k] = (uint32_t)p0;
    }
}

/* Words of counters begin ... end - 1. */
TARGET static void FN(words)(const Words *words, int64_t begin, int64_t end) {
  for (int64_t start = begin; start < end; start += AT_ONCE) {
    const size_t size = 8 * (size_t)(end - start < AT_ONCE ? end - start : AT_ONCE);
    uint64_t c[4][AT_ONCE] = {{0}};
    for (int word = 0; word < 4; word++) memcpy(c[word], words->in[word] + start, size);
    FN(rounds)(c, words->seed);
    for (int word = 0; word < 4; word++) memcpy(words->out[word] + start, c[word], size);
  }
}

/* Two numbers uniform in (0, 1), of 52 bits, for each image and position: [B, 2, P]. */
TARGET static void FN(pairs)(const Pairs *pairs) {
  const int64_t P = pairs->positions;
  int64_t b = 0, p = 0;
  while (b < pairs->images) {
    uint64_t c[4][AT_ONCE] = {{0}};
    double *to[AT_ONCE];
    int count = 0;
    for (; count < AT_ONCE && b < pairs->images; count++) {
      c[0][count] = (uint64_t)pairs->image[b], c[1][count] = pairs->draw;
      c[2][count] = (uint64_t)pairs->position[p], c[3][count] = pairs->purpose;
      to[count] = pairs->out + 2 * b * P + p;
      if (++p == P) p = 0, b++;
    }
    FN(rounds)(c, pairs->seed);
    for (int k = 0; k < count; k++) {
      to[k][0] = ((double)(int64_t)((c[0][k] << 20) + (c[1][k] >> 12)) + 0.5) * 0x1p-52;
      to[k][P] = ((double)(int64_t)((c[2][k] << 20) + (c[3][k] >> 12)) + 0.5) * 0x1p-52;
    }
  }
}
