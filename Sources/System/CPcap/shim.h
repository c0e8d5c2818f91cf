#define _GNU_SOURCE 1 // as every header does: two views of one structure do not mix
#include <pcap/pcap.h>
