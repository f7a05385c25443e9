/* SPDX-License-Identifier: MIT */

/* CIELAB through Little CMS, which is what Pillow's convert("RGB") asks, too:
 * Lab of D50 to sRGB, perceptual. */
#include "fm_tiff.h"

#include <lcms2.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static cmsHTRANSFORM transform; /* never changes; any number of threads may use it */

static void quiet(cmsContext id, cmsUInt32Number code, const char *text) {
    (void)id;
    (void)code;
    (void)text;
}

static void make_transform(void) {
    cmsContext id = cmsCreateContext(NULL, NULL);
    cmsHPROFILE lab, rgb;
    if (!id) return;
    cmsSetLogErrorHandlerTHR(id, quiet);
    lab = cmsCreateLab2ProfileTHR(id, NULL);
    rgb = cmsCreate_sRGBProfileTHR(id);
    if (lab && rgb)
        transform = cmsCreateTransformTHR(id, lab, COLORSPACE_SH(PT_LabV2) | CHANNELS_SH(3) | BYTES_SH(1), rgb, TYPE_RGB_8,
                                          INTENT_PERCEPTUAL, 0);
    if (lab) cmsCloseProfile(lab);
    if (rgb) cmsCloseProfile(rgb);
}

int fm_tiff_lab(fm_context *c, uint8_t *rgb, size_t pixels) {
    pthread_once(&once, make_transform);
    if (!transform) return fm_fail(c, FM_NO_MEMORY, "no memory for the table from Lab to RGB");
    while (pixels > 0) { /* it counts in 32 bits */
        size_t n = pixels < 1 << 20 ? pixels : 1 << 20;
        cmsDoTransform(transform, rgb, rgb, (cmsUInt32Number)n);
        rgb += 3 * n;
        pixels -= n;
    }
    return FM_OK;
}
