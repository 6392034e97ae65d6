/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Written by tools/fit_polynomials.py, which says how; do not edit. Coefficients in ascending order; errors
 * are the relative ones of the finished function, with the coefficients rounded as they stand here.
 */
#ifndef BPNET_POLYNOMIALS_H
#define BPNET_POLYNOMIALS_H

#define NORMAL_TAIL_K 4
/* log(2) = HIGH + LOW; HIGH has so few bits that its product with any exponent is exact. */
#define LN2_HIGH_f32 0x1.62e4p-1f
#define LN2_LOW_f32 0x1.7f7d1cp-20f
#define LN2_HIGH_f64 0x1.62e42fefa38p-1
#define LN2_LOW_f64 0x1.ef35793c7673p-45

/* expm1(r) = r + r^2 Q(r) */
/* [-0.3467, 0.3467], relative error 1.7e-8 = 2^-25.8 */
static const float expm1_tail_f32[] = {
    0x1.fffffep-2f, 0x1.5554bp-3f, 0x1.555674p-5f, 0x1.122798p-7f, 0x1.6bec1ep-10f};
/* [-0.3467, 0.3467], relative error 3.3e-17 = 2^-54.73 */
static const double expm1_tail_f64[] = {
    0x1.0000000000005p-1, 0x1.5555555555539p-3, 0x1.555555555229bp-5, 0x1.1111111118fddp-7,
    0x1.6c16c17ee374ep-10, 0x1.a01a0175098ecp-13, 0x1.a019a75679316p-16, 0x1.71de880e1c029p-19,
    0x1.28a1f9d99f2a4p-22, 0x1.ae6bbe16ec74cp-26};

/* log1p(x) = x - s (x - z L(z)), s = x / (2 + x), z = s^2 */
/* [0.0, 0.11111], relative error 5.5e-9 = 2^-27.43 */
static const float log1p_tail_f32[] = {
    0x1.555502p-1f, 0x1.99d20ap-2f, 0x1.1ebd04p-2f, 0x1.1ed7e2p-2f};
/* [0.0, 0.11111], relative error 2.5e-18 = 2^-58.46 */
static const double log1p_tail_f64[] = {
    0x1.5555555555535p-1, 0x1.99999999a06bbp-2, 0x1.249249209140ap-2, 0x1.c71c7419ef961p-3,
    0x1.745cb45ce73d9p-3, 0x1.3b1dd367f2af2p-3, 0x1.106832601b7ecp-3, 0x1.efd155c09492dp-4,
    0x1.55d04863642c7p-4, 0x1.5c5b4792f502ap-3};

/* Phi(-x) = exp(-x^2 / 2) P(q) / (x + 4), q = (x - 4) / (x + 4) */
/* [-1.0, 0.57895], relative error 4.5e-8 = 2^-24.42 */
static const float normal_tail_f32[] = {
    0x1.82b4bcp-1f, -0x1.373e3ap-1f, 0x1.8c6db8p-2f, -0x1.7dff06p-3f, 0x1.eec888p-5f, -0x1.ee500ap-8f,
    -0x1.c9bb7ep-9f, 0x1.acbb74p-10f, 0x1.686a8ep-13f, -0x1.cbdd92p-13f, -0x1.79fc66p-15f};
/* [-1.0, 0.81395], relative error 6.9e-17 = 2^-53.68 */
static const double normal_tail_f64[] = {
    0x1.82b4bb8c94dcep-1, -0x1.373e3a893c28ap-1, 0x1.8c6dbf2cfc308p-2, -0x1.7dff2bff6848ep-3,
    0x1.eec4cc3e4435cp-5, -0x1.ee276104394d6p-8, -0x1.c81719c957101p-9, 0x1.ab825fb0b1dbp-10,
    0x1.17a4a5f7f4aadp-13, -0x1.e4a421b855dd2p-13, -0x1.0011050a1e1bfp-19, 0x1.26d063832e324p-15,
    0x1.7fd97c76def9p-21, -0x1.8d49051476a7bp-18, -0x1.4faabd2233b01p-21, 0x1.124d7f656ee87p-20,
    0x1.1ba23e6b7fcf9p-22, -0x1.504777569306ep-23, -0x1.4b9dbcc1011d2p-24, 0x1.14118c8d3211bp-26,
    0x1.f64e438b1e26ap-27, -0x1.74cc7aab67ab4p-32, -0x1.48e71e693d743p-30};

#endif
