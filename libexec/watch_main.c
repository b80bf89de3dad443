#include "serve/watch.h"

int main(int argc, char **argv)
{
    return role_main(argc, argv, &watch_role);
}
