/* SPDX-License-Identifier: MIT */

/* Bounds on the decoder inside libavif, for the calling thread. */
#ifndef FM_DAV1D_H
#define FM_DAV1D_H

#include <stddef.h>
#include <stdint.h>

/* Frames may have so many pixels together, shown or not, and pictures may take so many bytes at once. */
void fm_dav1d_allow(uint64_t pixels, size_t bytes);
/* Whether that did not suffice since. */
int fm_dav1d_exceeded(void);

#endif
