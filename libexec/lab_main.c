#include "serve/lab.h"

int main(int argc, char **argv)
{
    return lab_main(argc, argv);
}
