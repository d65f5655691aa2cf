/* Rows of pixels by AVX-512: 16 at a time, from a window of 32 columns. */
#define LEVEL avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,sse4.1")))
#define LANES 16
#define WINDOW WINDOW_AVX512
VECTORS(avx512, LANES)
typedef __mmask16 Mask_avx512;

/* Whole part, towards minus infinity, and share of 8 numbers; NaN becomes the bound, which is max's second argument. */
TARGET INLINE void split_avx512(__m512d d, __m256i *whole, __m256 *share) {
  const __m512d bounded = _mm512_min_pd(_mm512_max_pd(d, _mm512_set1_pd(-FAR)), _mm512_set1_pd(FAR));
  const __m512d least = _mm512_roundscale_pd(bounded, 9);
  *whole = _mm512_cvttpd_epi32(least);
  *share = _mm512_cvtpd_ps(_mm512_sub_pd(bounded, least));
}

/* As place_plain. */
TARGET INLINE void place_avx512(Doubles_avx512 low, Doubles_avx512 high, Whole_avx512 at, int32_t last,
                                Whole_avx512 *cell, Floats_avx512 *share) {
  __m256i k[2];
  __m256 f[2];
  split_avx512((__m512d)low, k, f), split_avx512((__m512d)high, k + 1, f + 1);
  const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(k[0]), k[1], 1), most = _mm512_set1_epi32(last);
  const __m512i found = _mm512_add_epi32((__m512i)at, both);
  const __m512 shares = _mm512_insertf32x8(_mm512_castps256_ps512(f[0]), f[1], 1);
  *cell = (Whole_avx512)_mm512_min_epi32(_mm512_max_epi32(found, _mm512_setzero_si512()), most);
  *share = (Floats_avx512)_mm512_maskz_mov_ps(_mm512_cmplt_epu32_mask(found, most), shares);
}

TARGET INLINE Mask_avx512 equal_avx512(Whole_avx512 cells, int cell) {
  return _mm512_cmpeq_epi32_mask((__m512i)cells, _mm512_set1_epi32(cell));
}

TARGET INLINE Floats_avx512 weight_avx512(Mask_avx512 here, Floats_avx512 a, Mask_avx512 before, Floats_avx512 b) {
  return (Floats_avx512)_mm512_mask_mov_ps(_mm512_maskz_mov_ps(here, (__m512)a), before, (__m512)b);
}

/* Lowest and highest of cells, all below 2^16. */
TARGET INLINE int lowest_avx512(Whole_avx512 cells) {
  const __m256i all = _mm512_cvtepi32_epi16((__m512i)cells);
  const __m128i half = _mm_min_epu16(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  return _mm_cvtsi128_si32(_mm_minpos_epu16(half)) & 0xffff;
}

TARGET INLINE int highest_avx512(Whole_avx512 cells) {
  const __m256i all = _mm512_cvtepi32_epi16((__m512i)cells);
  const __m128i half = _mm_max_epu16(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  return 0xffff - (_mm_cvtsi128_si32(_mm_minpos_epu16(_mm_xor_si128(half, _mm_set1_epi16(-1)))) & 0xffff);
}

TARGET INLINE int near_avx512(Whole_avx512 index) { return (void)index, 1; }

TARGET INLINE __m512 load_avx512(const char *from, const int kind) {
  if (kind == FLOATS) return _mm512_loadu_ps(from);
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)from)));
}

TARGET INLINE int has_nan_avx512(Floats_avx512 values) {
  return _mm512_cmp_ps_mask((__m512)values, (__m512)values, _CMP_UNORD_Q) != 0;
}

/* The values at index and right of it. */
TARGET INLINE void pair_avx512(const char *from, Whole_avx512 index, int near, const int kind, Floats_avx512 *u,
                               Floats_avx512 *v) {
  const __m512i i = (__m512i)index, next = _mm512_add_epi32(i, _mm512_set1_epi32(1));
  __m512 low = load_avx512(from, kind), high = load_avx512(from + (kind == FLOATS ? 64 : 16), kind);
  (void)near;
  __asm__("" : "+v"(low), "+v"(high)); /* loads each once: most cross a cache line */
  *u = (Floats_avx512)_mm512_permutex2var_ps(low, i, high);
  *v = (Floats_avx512)_mm512_permutex2var_ps(low, next, high);
}

TARGET INLINE void write_avx512(char *to, Floats_avx512 values, const int kind) {
  if (kind == FLOATS) _mm512_storeu_ps(to, (__m512)values);
  else _mm_storeu_si128((__m128i *)to, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32((__m512)values)));
}

#include "rows.h"
