/* The program that is executed while executing is measured: small, so that the rest is quick. */
int main(void) { return 0; }
