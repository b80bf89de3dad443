#include "serve/store_role.h"

int main(int argc, char **argv)
{
    return role_main(argc, argv, &store_role);
}
