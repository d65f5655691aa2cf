/* Rows of pixels by AVX2: 8 at a time, from a window of 16 columns. */
#define LEVEL avx2
#define TARGET __attribute__((target("avx2,fma,sse4.1")))
#define LANES 8
#define WINDOW WINDOW_AVX2
VECTORS(avx2, LANES)
typedef Whole_avx2 Mask_avx2; /* -1 or 0 in each lane */

/* Whole part, towards minus infinity, and share of 4 numbers; NaN becomes the bound, which is max's second argument. */
TARGET INLINE void split_avx2(__m256d d, __m128i *whole, __m128 *share) {
  const __m256d bounded = _mm256_min_pd(_mm256_max_pd(d, _mm256_set1_pd(-FAR)), _mm256_set1_pd(FAR));
  const __m256d least = _mm256_floor_pd(bounded);
  *whole = _mm256_cvttpd_epi32(least);
  *share = _mm256_cvtpd_ps(_mm256_sub_pd(bounded, least));
}

/* As place_plain. */
TARGET INLINE void place_avx2(Doubles_avx2 low, Doubles_avx2 high, Whole_avx2 at, int32_t last, Whole_avx2 *cell,
                              Floats_avx2 *share) {
  __m128i k[2];
  __m128 f[2];
  split_avx2((__m256d)low, k, f), split_avx2((__m256d)high, k + 1, f + 1);
  const __m256i found = _mm256_add_epi32((__m256i)at, _mm256_set_m128i(k[1], k[0])), most = _mm256_set1_epi32(last);
  const __m256i within = _mm256_min_epi32(_mm256_max_epi32(found, _mm256_setzero_si256()), most);
  const __m256i inside = _mm256_and_si256(_mm256_cmpeq_epi32(found, within), _mm256_cmpgt_epi32(most, found));
  *cell = (Whole_avx2)within;
  *share = (Floats_avx2)_mm256_and_ps(_mm256_set_m128(f[1], f[0]), _mm256_castsi256_ps(inside));
}

TARGET INLINE Mask_avx2 equal_avx2(Whole_avx2 cells, int cell) { return cells == cell; }

TARGET INLINE Floats_avx2 weight_avx2(Mask_avx2 here, Floats_avx2 a, Mask_avx2 before, Floats_avx2 b) {
  return (Floats_avx2)((here & (Whole_avx2)a) | (before & (Whole_avx2)b));
}

TARGET INLINE __m128i short_avx2(__m256i cells) { /* all below 2^15 */
  return _mm_packus_epi32(_mm256_castsi256_si128(cells), _mm256_extracti128_si256(cells, 1));
}

TARGET INLINE int lowest_avx2(Whole_avx2 cells) {
  return _mm_cvtsi128_si32(_mm_minpos_epu16(short_avx2((__m256i)cells))) & 0xffff;
}

TARGET INLINE int highest_avx2(Whole_avx2 cells) {
  const __m128i inverse = _mm_xor_si128(short_avx2((__m256i)cells), _mm_set1_epi16(-1));
  return 0xffff - (_mm_cvtsi128_si32(_mm_minpos_epu16(inverse)) & 0xffff);
}

TARGET INLINE int near_avx2(Whole_avx2 index) {
  return _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32((__m256i)index, _mm256_set1_epi32(7)))) == 0;
}

TARGET INLINE __m256 load_avx2(const char *from, const int kind) {
  if (kind == FLOATS) return _mm256_loadu_ps((const float *)from);
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from)));
}

TARGET INLINE __m256 pick_avx2(__m256 low, __m256 high, __m256i index) {
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, index), _mm256_permutevar8x32_ps(high, index),
                          _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}

TARGET INLINE int has_nan_avx2(Floats_avx2 values) {
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)values, (__m256)values, _CMP_UNORD_Q)) != 0;
}

/* The values at index and right of it. */
TARGET INLINE void pair_avx2(const char *from, Whole_avx2 index, int near, const int kind, Floats_avx2 *u,
                             Floats_avx2 *v) {
  const __m256i i = (__m256i)index;
  const __m256 low = load_avx2(from, kind);
  if (near) {
    *u = (Floats_avx2)_mm256_permutevar8x32_ps(low, i);
    *v = (Floats_avx2)_mm256_permutevar8x32_ps(load_avx2(from + (kind == FLOATS ? 4 : 1), kind), i);
  } else {
    const __m256 high = load_avx2(from + (kind == FLOATS ? 32 : 8), kind);
    *u = (Floats_avx2)pick_avx2(low, high, i);
    *v = (Floats_avx2)pick_avx2(low, high, _mm256_add_epi32(i, _mm256_set1_epi32(1)));
  }
}

TARGET INLINE void write_avx2(char *to, Floats_avx2 values, const int kind) {
  if (kind == FLOATS) {
    _mm256_storeu_ps((float *)to, (__m256)values);
  } else {
    const __m128i rounded = short_avx2(_mm256_cvtps_epi32((__m256)values));
    _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(rounded, rounded));
  }
}

#include "rows.h"
