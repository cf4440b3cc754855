package enum TokenizersModule {}
