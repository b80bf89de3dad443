#include "serve/demo_player.h"

int main(int argc, char **argv)
{
    return demo_main(argc, argv);
}
