/* core/crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4); SSE4.2 where the processor has it.
 */
#ifndef CORE_CRC32C_H
#define CORE_CRC32C_H

#include "core/slice.h"

/* Continue from an earlier result, or from 0. crc32c(0, "123456789") = 0xe3069283. */
uint32_t crc32c(uint32_t before, struct slice s);

#endif
