/* Philox4x32-10 (Salmon et al., SC 2011) for one level; streams.py says what its counters are. Included by rows.h. */

/* Counters begin ... end - 1: four words of 32 bits each, all held in int64, and as many words of random bits. */
TARGET static void FN(philox)(const Words *words, int64_t begin, int64_t end) {
  enum { TOGETHER = 16 };
  for (int64_t start = begin; start < end; start += TOGETHER) {
    const int64_t count = end - start < TOGETHER ? end - start : TOGETHER;
    uint64_t c[4][TOGETHER] = {{0}};
    uint32_t k0 = (uint32_t)words->seed, k1 = (uint32_t)(words->seed >> 32);
    for (int word = 0; word < 4; word++) memcpy(c[word], words->in[word] + start, 8 * (size_t)count);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
      for (int k = 0; k < TOGETHER; k++) {
        const uint64_t p0 = c[0][k] * 0xD2511F53u, p1 = c[2][k] * 0xCD9E8D57u;
        c[0][k] = (p1 >> 32) ^ c[1][k] ^ k0, c[1][k] = (uint32_t)p1;
        c[2][k] = (p0 >> 32) ^ c[3][k] ^ k1, c[3][k] = (uint32_t)p0;
      }
    for (int word = 0; word < 4; word++) memcpy(words->out[word] + start, c[word], 8 * (size_t)count);
  }
}
