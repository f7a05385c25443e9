/* SPDX-License-Identifier: MIT */

/* Bounds on the decoder inside libheif, for the calling thread. */
#ifndef FM_DE265_H
#define FM_DE265_H

#include <stdint.h>

/* Pictures may have so many pixels together, shown or not. */
void fm_de265_allow(uint64_t pixels);
/* Whether that did not suffice since. */
int fm_de265_exceeded(void);

#endif
